import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { RealKernel } from '#kernel/real-kernel.ts';
import type { Ip } from '#model/ip.ts';
import {
  type Fdb,
  type KernelState,
  kernelObjects,
  kernelStateOf,
  type NamespaceName,
} from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { hostTag, overlayNamespace, VXLAN_NAME } from '#model/own.ts';
import { FIRST_AUTOMATIC_VNI } from '#model/vni.ts';
import { type Conversation, openConversation } from '#netlink/conversation.ts';
import { createNamedNamespace, namedNamespacePath } from '#netlink/named-namespace.ts';
import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import { decodeLink, encodeGetLink, encodeNewLink } from '#netlink/route/link.ts';
import { encodeNewNeighbour, NTF } from '#netlink/route/neighbour.ts';
import { diff } from '#plan/diff.ts';
import { testId } from '#plan/test-world.ts';
import type { Bench } from './bench.ts';
import { atLeast, atMost, figure, median, ratio, slowness } from './figure.ts';
import { compileFloor, Floor } from './floor.ts';
import { onGround } from './ground.ts';

/** Messages a send, as `netlink/` does it. */
const BATCH = 100;
/** What a C program wrote a second where the goals were set. */
export const REFERENCE_ROWS_PER_SECOND = 320_000;
const REST_MS = 300;

const HOST = testId('host', 1);
const SCOPE = { hostTag: hostTag(HOST), containers: [] };
const NS = overlayNamespace(SCOPE.hostTag, FIRST_AUTOMATIC_VNI);

/** Rows into a VXLAN device: by the rooms that the agent writes with, against the same batches from C. */
export const fdb: Bench = (options) => {
  const count = options.endpoints ?? 100_000;
  return onGround(options, [], async (ground) => {
    ground.owns(HOST);
    const floor = new Floor(await compileFloor('rows'), [count, 0, BATCH]);
    const kernel = new RealKernel();
    const rows = Array.from({ length: count }, (_, i) => rowOf(NS, i));
    const times = { floor: [], floorDump: [], netlink: [], apply: [], dump: [], compare: [] } as Record<
      string,
      number[]
    >;
    for (let i = 0; i < (options.repeat ?? 5); i++) {
      const [write, dump] = await floor.ask('');
      times.floor!.push(write!);
      times.floorDump!.push(dump!);
      await sleep(REST_MS);
      await onDevice(kernel, async () => times.netlink!.push(writeBare(rows)));
      await onDevice(kernel, async (bare) => {
        const desired = kernelStateOf([...kernelObjects(bare), ...rows]);
        const ops = diff(desired, bare, SCOPE);
        const startMs = performance.now();
        const results = await kernel.apply(ops, SCOPE);
        times.apply!.push(performance.now() - startMs);
        if (!results.every(({ ok }) => ok)) throw new Error('the kernel refused rows');
        const seenMs = performance.now();
        const seen = await kernel.observe(SCOPE);
        const comparedMs = performance.now();
        const found = diff(desired, seen, SCOPE);
        times.dump!.push(comparedMs - seenMs);
        times.compare!.push(performance.now() - seenMs);
        if (found.length > 0) throw new Error(`${found.length} rows differ`);
      });
    }
    await floor.close();
    await kernel.close();
    const rate = (name: string) => times[name]!.map((ms) => (count / ms) * 1000);
    const slowDump = slowness(median(rate('floor')) ** -1, REFERENCE_ROWS_PER_SECOND ** -1);
    return {
      name: 'fdb',
      metrics: {
        netlinkRowsPerSecond: figure(rate('netlink')),
        applyRowsPerSecond: figure(rate('apply')),
        dumpMs: figure(times.dump!),
        dumpAndCompareMs: atMost((500 * slowDump * count) / 100_000, figure(times.compare!)),
      },
      floor: { rowsPerSecond: figure(rate('floor')), dumpMs: figure(times.floorDump!) },
      ratios: {
        netlinkToFloor: ratio(rate('netlink'), rate('floor')),
        applyToFloor: atLeast(0.85, ratio(rate('apply'), rate('floor'))),
        dumpToFloor: ratio(times.dump!, times.floorDump!),
      },
    };
  });
};

/** A new device for each time: a table that has been full is not as fast as a fresh one. */
async function onDevice(kernel: RealKernel, work: (bare: KernelState) => Promise<unknown>): Promise<void> {
  createNamedNamespace(NS);
  inOverlay((conversation) => {
    const vxlan = { id: 1, port: 4789, local: '127.0.0.1', ttl: 64, learning: false };
    conversation.request(encodeNewLink({ name: VXLAN_NAME, up: true, kind: 'vxlan', vxlan }));
  });
  await work(await kernel.observe(SCOPE));
  await kernel.apply([{ verb: 'delete', object: { kind: 'namespace', ns: NS } }], SCOPE);
  await sleep(REST_MS);
}

/** Made in the namespace itself, so that its UDP socket is there too and not among the machine's own. */
function inOverlay<T>(talk: (conversation: Conversation) => T): T {
  const netnsFd = openSync(namedNamespacePath(NS), 'r');
  const conversation = openConversation(netnsFd);
  try {
    return talk(conversation);
  } finally {
    conversation.close();
    closeSync(netnsFd);
  }
}

const rowOf = (ns: NamespaceName, number: number): Fdb => ({
  ...{ kind: 'fdb', ns, dev: VXLAN_NAME, table: 'self', state: 'permanent' },
  mac: `02:00:${[24, 16, 8, 0].map((shift) => ((number >>> shift) & 255).toString(16).padStart(2, '0')).join(':')}` as Mac,
  dst: `10.99.${((number % 1000) >> 8) & 255}.${(number % 1000) & 255}` as Ip,
});

/** Encoded and sent, with nothing around it. */
const writeBare = (rows: readonly Fdb[]): number =>
  inOverlay((conversation) => {
    const { index } = decodeLink(conversation.ask(encodeGetLink({ name: VXLAN_NAME })));
    const startMs = performance.now();
    const requests = rows.map(({ mac, dst }) =>
      encodeNewNeighbour({ family: AF_BRIDGE, ifindex: index, mac, dst, flags: NTF.SELF }, 'replace'),
    );
    const refused = conversation.batch(requests, { batchSize: BATCH }).find((outcome) => outcome);
    if (refused) throw refused;
    return performance.now() - startMs;
  });
