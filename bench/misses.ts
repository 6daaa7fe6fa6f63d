import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { overlayNamespaces } from '#kernel/observe.ts';
import { run, runOrThrow } from '#lab/run.ts';
import type { Id } from '#model/id.ts';
import { hostTag, VXLAN_NAME } from '#model/own.ts';
import { openConversation } from '#netlink/conversation.ts';
import { namedNamespacePath } from '#netlink/named-namespace.ts';
import { openFrameSender } from '#netlink/packet-socket.ts';
import { decodeLink, encodeGetLink } from '#netlink/route/link.ts';
import { encodeArpRequest } from '#packet/encode-frame.ts';
import { handleMisses } from '../test/world/miss-handler.ts';
import type { Bench } from './bench.ts';
import { type Attached, attachTo, detachFrom, type Member, startCluster, timeEach } from './cluster.ts';
import { stop } from './daemon.ts';
import { atMost, figure, figureOfRounds, percentile, ratio } from './figure.ts';
import { onGround } from './ground.ts';
import { cpuMs } from './process.ts';

/** Containers that are attached while another scans. */
const NEIGHBOURS = 20;
const PINGS = 10;
/** Rows that are gone are told, and taken note of. */
const REST_MS = 60;
/** A /16, at 20,000 questions a second. */
const QUESTIONS = 65_536;
const BURST = 100;
const BURST_INTERVAL_MS = 5;

interface End {
  readonly member: Member;
  readonly container: string;
  readonly endpoint: Attached;
  readonly overlay: string;
  readonly vtep: string;
}

/**
 * The first ping between two containers in a network that asks on demand: both hosts' tables and both containers' know
 * nothing of the other. Beside it the same ping with the rows written before, and with a handler of misses that writes
 * them but cannot answer. Then a container asks for a whole /16, while others are attached.
 */
export const misses: Bench = (options) =>
  onGround(options, [NEIGHBOURS + 2, 1], async (ground) => {
    const members = (await startCluster(ground, { mode: 'on-demand' })) as [Member, Member];
    const ends: End[] = [];
    for (const [i, member] of members.entries()) {
      const container = member.containers[0]!;
      const endpoint = await attachTo(member, container);
      ends.push({ member, container, endpoint, overlay: overlayOf(member), vtep: `10.99.0.${i + 1}` });
    }
    const [here, there] = ends as [End, End];
    const rounds = options.repeat ?? 3;
    const asked: number[][] = [];
    const known: number[][] = [];
    await firstPings(here, there, PINGS, true);
    for (let round = 0; round < rounds; round++) {
      asked.push(await firstPings(here, there, PINGS, true));
      known.push(await firstPings(here, there, PINGS, false));
    }
    const scan = await measureScan(here, members[0].containers.slice(1), rounds);
    await Promise.all(members.map(({ daemon }) => stop(daemon)));
    const monitors = [here, there].map((end, i) => {
      const { endpoint, vtep } = i === 0 ? there : here;
      return handleMisses(end.overlay, [{ ...endpoint, vtep }]);
    });
    const byHand = await firstPings(here, there, 1, true);
    for (const monitor of monitors) monitor.kill('SIGKILL');
    const p50 = (samples: readonly number[][]) => samples.map((each) => percentile(each, 50));
    return {
      name: 'misses',
      metrics: {
        firstPingP50Ms: atMost(5, figureOfRounds(asked, 50)),
        firstPingP99Ms: figureOfRounds(asked, 99),
        scanShareOfACore: atMost(0.2, figure(scan.shares)),
        attachWhileScanningP99Ms: figureOfRounds(scan.during, 99),
      },
      floor: {
        knownFirstPingP50Ms: figureOfRounds(known, 50),
        bareHandlerFirstPingP50Ms: figureOfRounds([byHand], 50),
        attachP99Ms: figureOfRounds(scan.before, 99),
      },
      ratios: {
        firstPingToKnown: ratio(p50(asked), p50(known)),
        attachWhileScanningP99: atMost(2, {
          ...ratio(
            scan.during.map((each) => percentile(each, 99)),
            scan.before.map((each) => percentile(each, 99)),
          ),
        }),
      },
    };
  });

const overlayOf = ({ daemon }: Member): string =>
  overlayNamespaces({ hostTag: hostTag(daemon.hostId as Id), containers: [] })[0]!;

/** In both families. `rows`: what the hosts' kernels know is forgotten too, not only what the containers do. */
async function firstPings(here: End, there: End, count: number, rows: boolean): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++)
    for (const address of there.endpoint.addresses) {
      if (rows)
        for (const [end, other] of [[here, there] as const, [there, here] as const]) await forget(end, other);
      for (const { container } of [here, there])
        await runOrThrow('ip', ['-n', container, 'neigh', 'flush', 'dev', 'eth0']);
      await sleep(REST_MS);
      const { stdout } = await run('ping', ['-n', '-c1', '-W4', address], { namespace: here.container });
      times.push(Number(/time=([\d.]+) ms/.exec(stdout)?.[1] ?? Number.NaN));
    }
  return times;
}

async function forget({ overlay }: End, { endpoint, vtep }: End): Promise<void> {
  await run('bridge', ['-n', overlay, 'fdb', 'del', endpoint.mac, 'dev', VXLAN_NAME, 'dst', vtep]);
  await run('ip', ['-n', overlay, 'neigh', 'flush', 'dev', VXLAN_NAME, 'nud', 'permanent']);
}

/** The scanner's container comes first, those to be attached after it. */
async function measureScan({ member }: End, [scanner, ...others]: readonly string[], rounds: number) {
  const endpoint = await attachTo(member, scanner!);
  const [shares, before, during]: [number[], number[][], number[][]] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    before.push(await attachAll(member, others));
    const [startMs, usedMs] = [performance.now(), cpuMs(member.daemon.child.pid!)];
    await scan(scanner!, endpoint);
    shares.push((cpuMs(member.daemon.child.pid!) - usedMs) / (performance.now() - startMs));
    const [times] = await Promise.all([attachAll(member, others), scan(scanner!, endpoint)]);
    during.push(times);
  }
  return { shares, before, during };
}

async function attachAll(member: Member, containers: readonly string[]): Promise<number[]> {
  const ids: string[] = [];
  const times = await timeEach(containers, async (container) =>
    ids.push((await attachTo(member, container)).id),
  );
  for (const id of ids) await detachFrom(member, id);
  await sleep(400);
  return times;
}

async function scan(container: string, { mac, addresses }: Attached): Promise<void> {
  const fd = openSync(namedNamespacePath(container), 'r');
  const conversation = openConversation(fd);
  const { index } = decodeLink(conversation.ask(encodeGetLink({ name: 'eth0' })));
  conversation.close();
  const sender = openFrameSender(index, fd);
  closeSync(fd);
  for (let asked = 0; asked < QUESTIONS; asked++) {
    sender.send(encodeArpRequest({ mac, ip: addresses[0]! }, `10.1.${asked >> 8}.${asked & 255}`));
    if (asked % BURST === 0) await sleep(BURST_INTERVAL_MS);
  }
  sender.close();
}
