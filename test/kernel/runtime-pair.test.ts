import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectEventually, type KernelWorld } from '#kernel/contract-stage.ts';
import type { KernelEvent } from '#kernel/kernel.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { kernelObjects, type Link } from '#model/kernel-state.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { hostEndName, LINK_GROUP, overlayNamespace, portName } from '#model/own.ts';
import type { Endpoint } from '#model/records.ts';
import { renderOp } from '#model/render-kernel.ts';
import { desired, type HostRuntimeFacts } from '#plan/desired.ts';
import { diff } from '#plan/diff.ts';
import { localObjects } from '#plan/endpoint-objects.ts';
import { linkKey } from '#plan/link.ts';
import { order } from '#plan/order.ts';
import { testEndpoint, testHost, testNetwork, testView } from '#plan/test-world.ts';
import { enterHostNamespace, ip, ipJson, realWorld, UNDERLAY } from './kernel-lab.ts';

/** Pairs whose container end is another program's to move, as dockerd does. */

let leave: () => void;
beforeAll(() => {
  leave = enterHostNamespace();
});
afterAll(() => leave());

const BARE = testHost(1, { underlay: [UNDERLAY] });
const HOST = { ...BARE, facts: { ...BARE.facts, underlayInterfaces: ['lo'] } };
const NETWORK = testNetwork(1);
const ENDPOINT: Endpoint = {
  ...testEndpoint(11, 1, 1),
  runtime: 'docker',
  interface: 'eth0',
  addresses: ['10.1.0.5', 'fd00:1::5'] as Ip[],
};
const [PORT, END] = [portName(ENDPOINT.id), hostEndName(ENDPOINT.id)];

describe('a pair for a runtime', () => {
  let world: KernelWorld;
  let namespace: NamespaceRef;
  let container: string;
  let ns: string;

  beforeEach(async () => {
    world = realWorld();
    namespace = world.createContainer();
    container = namespace.path.slice('/run/netns/'.length);
    ns = overlayNamespace(world.hostTag, NETWORK.vni);
    await settle({});
    await plug();
  });
  afterEach(() => world.close());

  const facts = (at: { namespace?: NamespaceRef }): HostRuntimeFacts => ({
    hostTag: world.hostTag,
    containers: new Map<Id, { namespace?: NamespaceRef }>([[ENDPOINT.id, at]]),
  });
  const scopeFor = (at: { namespace?: NamespaceRef }) => ({
    hostTag: world.hostTag,
    containers: at.namespace ? [{ namespace: at.namespace, interfaces: [ENDPOINT.interface] }] : [],
  });

  async function drift(at: { namespace?: NamespaceRef }): Promise<KernelOp[]> {
    const wished = desired(testView([HOST, NETWORK, ENDPOINT]), facts(at));
    const shared = new Set([linkKey(namespace.path, ENDPOINT.interface)]);
    const context = { hostTag: world.hostTag, shared };
    return order(diff(wished, await world.kernel.observe(scopeFor(at)), context)).map(({ op }) => op);
  }

  async function settle(at: { namespace?: NamespaceRef }): Promise<void> {
    await applyAll(await drift(at), at);
    expect((await drift(at)).flatMap((op) => renderOp(op))).toEqual([]);
  }

  async function applyAll(ops: KernelOp[], at: { namespace?: NamespaceRef } = {}): Promise<void> {
    const results = await world.kernel.apply(ops, scopeFor(at));
    expect(results.flatMap((result) => (result.ok ? [] : result.error))).toEqual([]);
  }

  const pair = (): KernelOp[] => {
    const objects = localObjects({ host: HOST, hostTag: world.hostTag }, NETWORK, ENDPOINT, undefined);
    return order(objects.map((object) => ({ verb: 'add', object }))).map(({ op }) => op);
  };
  const plug = () => applyAll(pair());

  /** As dockerd does it: moved, named, addressed, and up at last. */
  function move(upToo = true): void {
    ip('link', 'set', END, 'netns', container);
    ip('-n', container, 'link', 'set', END, 'name', 'eth0');
    execFileSync('ip', ['netns', 'exec', container, 'sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=0']);
    ip('-n', container, 'addr', 'add', '10.1.0.5/16', 'dev', 'eth0');
    ip('-n', container, 'addr', 'add', 'fd00:1::5/64', 'dev', 'eth0', 'nodad');
    if (upToo) ip('-n', container, 'link', 'set', 'eth0', 'up');
  }

  const find = () => world.kernel.findEnd({ ns, name: PORT }, namespace.path);

  it('waits in the host’s namespace, dressed, marked and down', () => {
    const [end] = ipJson('link', 'show', END);
    expect(end).toMatchObject({ address: ENDPOINT.mac, mtu: NETWORK.mtu, link_netnsid: expect.any(Number) });
    expect(end!.flags).not.toContain('UP');
    const group = execFileSync('ip', ['-d', 'link', 'show', 'group', String(LINK_GROUP)], {
      encoding: 'utf8',
    });
    expect(group).toContain(END);
  });

  it('asked for again is the same', async () => {
    const before = ipJson('link', 'show', END)[0]!.ifindex;
    await plug();
    expect(ipJson('link', 'show', END)[0]!.ifindex).toBe(before);
    expect((await drift({})).flatMap((op) => renderOp(op))).toEqual([]);
  });

  it('is seen where it is, and in nobody’s way while it is on its way', async () => {
    const seen = async () => {
      const state = await world.kernel.observe(scopeFor({}));
      const port = [...kernelObjects(state)].find(
        (each): each is Link => each.kind === 'link' && each.name === PORT,
      );
      return port?.detail;
    };
    expect(await seen()).toEqual({ type: 'veth', peer: { ns: '', name: END } });
    ip('link', 'set', END, 'netns', container);
    expect(await seen()).toEqual({ type: 'veth' });
    expect((await drift({})).flatMap((op) => renderOp(op))).toEqual([]);
  });

  it('is found in its container, and nowhere else', async () => {
    expect(await find()).toBeUndefined();
    move(false);
    expect(await find()).toEqual({ namespace, interface: 'eth0', isUp: false });
    ip('-n', container, 'link', 'set', 'eth0', 'up');
    expect(await find()).toEqual({ namespace, interface: 'eth0', isUp: true });
    expect(await world.kernel.findEnd({ ns, name: PORT }, '/nowhere')).toBeUndefined();
    expect(await world.kernel.findEnd({ ns, name: PORT }, '/etc/passwd')).toBeUndefined();
    const other = world.createContainer();
    expect(await world.kernel.findEnd({ ns, name: PORT }, other.path)).toBeUndefined();
    ip('-n', ns, 'link', 'del', PORT);
    expect(await find()).toEqual({ namespace, interfaces: ['lo'] });
  });

  it('is told of when its runtime has set it up, and not before', async () => {
    const events: KernelEvent[] = [];
    const stop = world.kernel.watch((event) => events.push(event));
    const raised = () => events.flatMap((event) => (event.dirty === 'namespace' && event.raised) || []);
    move(false);
    ip('-n', ns, 'link', 'set', PORT, 'mtu', '1280');
    await expectEventually(() => expect(events).not.toEqual([]));
    expect(raised()).toEqual([]);
    ip('-n', container, 'link', 'set', 'eth0', 'up');
    await expectEventually(() => expect(raised()).toContain(PORT));
    stop();
  });

  it('as the runtime dressed it nothing is left to do, nor with more than that', async () => {
    move();
    const at = { namespace };
    expect((await drift(at)).flatMap((op) => renderOp(op))).toEqual([]);
    ip('-n', container, 'addr', 'add', '192.168.9.1/24', 'dev', 'eth0');
    ip('-n', container, 'route', 'add', '192.168.10.0/24', 'via', '10.1.0.9');
    execFileSync('ip', ['netns', 'exec', container, 'sysctl', '-qw', 'net.ipv6.conf.eth0.accept_ra=2']);
    expect((await drift(at)).flatMap((op) => renderOp(op))).toEqual([]);
  });

  it('is made again in its container when it is deleted, with its address and route', async () => {
    move();
    ip('-n', ns, 'link', 'del', PORT);
    await settle({ namespace });
    const [link] = ipJson('-n', container, 'addr', 'show', 'eth0');
    expect(link).toMatchObject({ address: ENDPOINT.mac, mtu: NETWORK.mtu });
    expect(link!.flags).toContain('UP');
    const local = (link!.addr_info as { local: string }[]).map((each) => each.local);
    expect(local).toEqual(expect.arrayContaining([...ENDPOINT.addresses]));
    expect(ipJson('-n', container, 'route', 'show', 'dev', 'eth0')).toMatchObject([{ dst: '10.1.0.0/16' }]);
  });

  it.each(['waiting', 'moved', 'dressed', 'given back'])('goes with its port when it is %s', async (how) => {
    if (how === 'moved') ip('link', 'set', END, 'netns', container);
    if (how === 'dressed' || how === 'given back') move();
    if (how === 'given back') {
      ip('-n', container, 'link', 'set', 'eth0', 'down');
      ip('-n', container, 'link', 'set', 'eth0', 'name', END);
      // 1 is init's namespace, which need not be the host's here.
      ip('-n', container, 'link', 'set', END, 'netns', String(process.pid));
    }
    const port = pair().find(({ object }) => object.kind === 'link' && object.name === PORT);
    await applyAll([{ verb: 'delete', object: port!.object }]);
    expect(ipJson('link', 'show').map(({ ifname }) => ifname)).not.toContain(END);
    expect(ipJson('-n', container, 'link', 'show').map(({ ifname }) => ifname)).toEqual(['lo']);
  });
});
