import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KernelWorld } from '#kernel/contract-stage.ts';
import { type Forgery, forgeryOf } from '#model/forgery.ts';
import type { Ip } from '#model/ip.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { overlayNamespace, portName } from '#model/own.ts';
import type { Endpoint, Peer } from '#model/records.ts';
import { interfaceIndex } from '#netlink/interface-index.ts';
import { close } from '#netlink/libc.ts';
import { openNamespace } from '#netlink/open-namespace.ts';
import { type Capture, capture, openFrameSender } from '#netlink/packet-socket.ts';
import { openSocket } from '#netlink/socket.ts';
import { encodeGratuitousArp } from '#packet/encode-frame.ts';
import { desired, type HostRuntimeFacts } from '#plan/desired.ts';
import { diff } from '#plan/diff.ts';
import { linkLocalOf } from '#plan/link-local.ts';
import { order } from '#plan/order.ts';
import { testEndpoint, testHost, testId, testNetwork, testView } from '#plan/test-world.ts';
import { forgedFrames, honestFrames, type Party, reports } from '../world/forged-frames.ts';
import { enterHostNamespace, ip, ipJson, realWorld, UNDERLAY } from './kernel-lab.ts';

/*
 * What a container with raw sockets can and cannot send to its neighbour on the same host. Each forged frame arrives
 * while port security is off, so that a rule and no accident keeps it away when it is on.
 */

let leave: () => void;
beforeAll(() => {
  leave = enterHostNamespace();
});
afterAll(() => leave());

const [ME, VICTIM, OTHER] = [11, 12, 13].map((number) => testEndpoint(number, 1, 1)) as [
  Endpoint,
  Endpoint,
  Endpoint,
];
const party = ({ mac, addresses: [ipv4, ipv6] }: Endpoint): Party => ({ mac, ipv4: ipv4!, ipv6: ipv6! });
const [me, victim, other] = [ME, VICTIM, OTHER].map(party) as [Party, Party, Party];
const PORT = portName(ME.id);
/** A machine that Weft does not run, whose bridge may snoop. */
const PEER: Peer = {
  ...{ kind: 'peer', id: testId('host', 9), network: testNetwork(1).id, name: 'elsewhere' },
  ...{ vtep: '10.99.0.9' as Ip, endpoints: [] },
};
/** Ethernet and IPv6. */
const HEADERS_BYTES = 54;

describe('a container with raw sockets', () => {
  let world: KernelWorld;
  let facts: HostRuntimeFacts;
  let containers: NamespaceRef[];
  let sender: { send(frame: Uint8Array): void; close(): void };
  let ears: Capture;
  let heard: string[] = [];
  let ns: string;

  beforeAll(async () => {
    world = realWorld();
    containers = [ME, VICTIM, OTHER].map(() => world.createContainer());
    facts = {
      hostTag: world.hostTag,
      containers: new Map([ME, VICTIM, OTHER].map(({ id }, i) => [id, { namespace: containers[i]! }])),
    };
    ns = overlayNamespace(world.hostTag, testNetwork(1).vni);
    await settle('on');
    sender = openFrameSender(...interfaceIn(containers[0]!));
    const [ifindex, netnsFd] = interfaceIn(containers[1]!);
    ears = capture({ ifindex, netnsFd }, ({ bytes }) => heard.push(Buffer.from(bytes).toString('hex')));
    // Their own reports of the groups that they have joined are over.
    await sleep(300);
  });
  afterAll(async () => {
    sender.close();
    ears.close();
    await world.close();
  });

  const scope = () => ({
    hostTag: world.hostTag,
    containers: containers.map((namespace) => ({ namespace, interfaces: [ME.interface] })),
  });

  async function settle(portSecurity: 'on' | 'off', peers: Peer[] = []): Promise<number> {
    const network = { ...testNetwork(1), mtu: 1400, portSecurity };
    const view = testView([testHost(1, { underlay: [UNDERLAY] }), network, ME, VICTIM, OTHER, ...peers]);
    const wished = desired(view, facts);
    const ops = order(diff(wished, await world.kernel.observe(scope()), facts)).map(({ op }) => op);
    const results = await world.kernel.apply(ops, scope());
    expect(results.flatMap((result) => (result.ok ? [] : [result.error]))).toEqual([]);
    expect(diff(wished, await world.kernel.observe(scope()), facts)).toEqual([]);
    return ops.length;
  }

  /** Those of the frames that arrive at the victim, by name. */
  async function arrivals(
    frames: readonly { readonly name: string; readonly frame: Buffer }[],
  ): Promise<string[]> {
    heard = [];
    for (const { frame } of frames) sender.send(frame);
    await sleep(200);
    // br_netfilter, where it is loaded, cuts what pads a short packet.
    const hasArrived = (frame: Buffer) =>
      heard.some((hex) => frame.toString('hex').startsWith(hex.slice(0, 2 * HEADERS_BYTES)));
    return frames.filter(({ frame }) => hasArrived(frame)).map(({ name }) => name);
  }

  async function counts(): Promise<Partial<Record<Forgery, number>>> {
    const { element } = await world.kernel.observe(scope());
    const counted = [...element.values()].filter(({ set, key }) => set.name === 'forged' && key[0] === PORT);
    return Object.fromEntries(counted.map(({ key, packets }) => [forgeryOf(Number(key[1]))!, packets]));
  }

  const names = (frames: readonly { readonly name: string }[]) => frames.map(({ name }) => name);
  const forged = forgedFrames(me, victim, other);
  const honest = honestFrames(me, victim, linkLocalOf(ME.mac));
  const untagged = forged.filter(({ kind }) => kind !== 'tag');

  it('can forge all of it without port security', async () => {
    expect(await settle('off')).toBeGreaterThan(10);
    expect(await arrivals(untagged)).toEqual(names(untagged));
    await settle('on');
    // It has believed it all.
    ip('-n', nameOf(containers[1]!), 'neigh', 'flush', 'all');
  });

  it('can send what is its own, and what has no name yet', async () => {
    expect(await arrivals(honest)).toEqual(names(honest));
    expect(await counts()).toEqual({});
  });

  it.each(forged)('cannot forge $name', async ({ kind, name, frame }) => {
    const before = await counts();
    expect(await arrivals([{ name, frame }])).toEqual([]);
    expect(await counts()).toEqual({ ...before, [kind]: (before[kind] ?? 0) + 1 });
  });

  it('keeps to itself which groups of the link it has joined, unless a bridge elsewhere may snoop', async () => {
    const { ofTheLink, others } = reports(me);
    const arrived = async (frames: readonly Buffer[]) => {
      heard = [];
      for (const frame of frames) sender.send(frame);
      await sleep(200);
      const sent = frames.map((frame) => frame.toString('hex'));
      return heard.filter((hex) => sent.some((frame) => frame.startsWith(hex))).length;
    };
    const before = await counts();
    expect(await arrived(ofTheLink)).toBe(0);
    expect(await arrived(others)).toBe(others.length);
    await settle('on', [PEER]);
    expect(await arrived([...ofTheLink, ...others])).toBe(ofTheLink.length + others.length);
    await settle('on');
    expect(await counts()).toEqual(before);
  });

  it('is told of by the bridge to its neighbours, and neither itself nor by the tunnel', async () => {
    const frames = [encodeGratuitousArp({ mac: ME.mac, ip: me.ipv4 as Ip })];
    const [sent] = frames.map((frame) => Buffer.from(frame).toString('hex'));
    const elsewhere: string[] = [];
    const [ifindex, netnsFd] = interfaceIn(containers[0]!);
    const opened = openNamespace(`/run/netns/${ns}`);
    if (typeof opened === 'string') throw new Error(opened);
    const listen = (place: { ifindex: number; netnsFd: number }) =>
      capture(place, ({ bytes }) => elsewhere.push(Buffer.from(bytes).toString('hex')));
    const vxlan = ipJson('-n', ns, 'link', 'show', 'vxlan0')[0]!.ifindex;
    const captures = [listen({ ifindex, netnsFd }), listen({ ifindex: vxlan, netnsFd: opened.fd })];
    heard = [];
    world.kernel.announce({ ns, ports: 'all', frames });
    await sleep(200);
    for (const each of captures) each.close();
    close(opened.fd);
    expect(heard.some((hex) => hex.startsWith(sent!))).toBe(true);
    expect(elsewhere.filter((hex) => hex.startsWith(sent!))).toEqual([]);
  });

  it('reaches its neighbours in both families all the while', () => {
    for (const address of [victim.ipv4, victim.ipv6, linkLocalOf(VICTIM.mac)])
      execFileSync('ip', [
        'netns',
        'exec',
        nameOf(containers[0]!),
        'ping',
        '-c',
        '1',
        '-W',
        '2',
        '-I',
        ME.interface,
        address,
      ]);
  });

  it('passes nothing through a port that is in no set', async () => {
    const element = `{ ${PORT} . ${ME.mac} }`;
    execFileSync('ip', [
      'netns',
      'exec',
      ns,
      'nft',
      'delete',
      'element',
      'bridge',
      'weft',
      'port-macs',
      element,
    ]);
    execFileSync('ip', ['netns', 'exec', ns, 'nft', 'flush', 'set', 'bridge', 'weft', 'port-ipv4']);
    execFileSync('ip', ['netns', 'exec', ns, 'nft', 'flush', 'set', 'bridge', 'weft', 'port-ipv6']);
    expect(await arrivals(honest)).toEqual([]);
    expect(await settle('on')).toBeGreaterThan(3);
    expect(await arrivals(honest)).toEqual(names(honest));
  });
});

const nameOf = ({ path }: NamespaceRef): string => path.slice('/run/netns/'.length);

function interfaceIn({ path }: NamespaceRef): [ifindex: number, netnsFd: number] {
  const opened = openNamespace(path);
  if (typeof opened === 'string') throw new Error(opened);
  const socket = openSocket(opened.fd);
  const index = interfaceIndex(socket.fd, ME.interface);
  socket.close();
  return [index, opened.fd];
}
