import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InterfaceAddress } from '#model/cidr.ts';
import type { Ip } from '#model/ip.ts';
import type { KernelOp, OpResult } from '#model/kernel-op.ts';
import {
  type KernelObject,
  type KernelState,
  kernelKey,
  kernelObjects,
  type Link,
  type VxlanDetail,
} from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { CONTAINER_PORT, type ExampleNetwork, exampleNetwork } from './example-network.ts';
import type { Kernel, KernelEvent, Scope } from './kernel.ts';

/** A host on which a kernel is tried out. */
export interface KernelWorld {
  readonly kernel: Kernel;
  readonly hostTag: string;
  /** An address of the host, for VXLAN devices. */
  readonly underlay: Ip;
  createContainer(): NamespaceRef;
  /** The container ends. What the kernel does thereupon is done when this returns. */
  removeContainer(container: NamespaceRef): Promise<void>;
  /** Another program gives a container an interface that is none of ours. */
  addForeignInterface(container: NamespaceRef, name: string): void;
  close(): Promise<void>;
}

/** What every {@link Kernel} must do, told by building a network on a host and looking at it. */
export function kernelContract(createWorld: () => Promise<KernelWorld>): void {
  let world: KernelWorld;
  let container: NamespaceRef;
  let net: ExampleNetwork;
  let scope: Scope;

  beforeEach(async () => {
    world = await createWorld();
    container = world.createContainer();
    net = exampleNetwork(world.hostTag, world.underlay, container);
    scope = { hostTag: world.hostTag, containers: [{ namespace: container, interfaces: ['eth0'] }] };
  });
  afterEach(() => world.close());

  const observe = (): Promise<KernelState> => world.kernel.observe(scope);
  const apply = (...ops: KernelOp[]): Promise<OpResult[]> => world.kernel.apply(ops, scope);
  const find = async (object: KernelObject): Promise<KernelObject | undefined> =>
    (await observe())[object.kind].get(kernelKey(object));
  const build = () => applyAll(...net.objects.map(add));

  /** Applies and expects every op to succeed. */
  async function applyAll(...ops: KernelOp[]): Promise<void> {
    expect((await apply(...ops)).filter(({ ok }) => !ok)).toEqual([]);
  }

  async function expectAll(objects: readonly KernelObject[]): Promise<void> {
    const state = await observe();
    for (const object of objects) expect(state[object.kind].get(kernelKey(object))).toMatchObject(object);
  }

  describe('observe', () => {
    it('of an untouched host finds the container’s loopback and nothing else', async () => {
      const lo = { ...net.lo, up: false };
      expect([...kernelObjects(await observe())]).toEqual([expect.objectContaining(lo)]);
    });

    it('gives exactly what was applied', async () => {
      await build();
      await expectAll(net.objects);
    });

    it('shows beside it only what the kernel adds by itself', async () => {
      await build();
      const wished = new Set(net.objects.map((object) => object.kind + kernelKey(object)));
      const more = [...kernelObjects(await observe())].filter((o) => !wished.has(o.kind + kernelKey(o)));
      for (const object of more) expect(isKernelsOwn(object), JSON.stringify(object)).toBe(true);
    });

    it('looks only at the overlays asked for', async () => {
      const other = exampleNetwork(world.hostTag, world.underlay, container, 1);
      await applyAll(add({ kind: 'namespace', ns: other.ns }), add({ kind: 'namespace', ns: net.ns }));
      expect([...(await observe()).namespace.keys()].sort()).toEqual([net.ns, other.ns]);
      const some = await world.kernel.observe({ ...scope, overlays: [other.ns, 'weft-00000000-1'] });
      expect([...some.namespace.keys()]).toEqual([other.ns]);
    });

    it('finds no overlay of another host’s tag', async () => {
      await applyAll(add({ kind: 'namespace', ns: net.ns }));
      const state = await world.kernel.observe({ hostTag: 'zzzzzzzz', containers: [] });
      expect(state.namespace.size).toBe(0);
    });

    it('reports strangers in our namespaces and on our devices', async () => {
      await build();
      const strangers: KernelObject[] = [
        { ...net.bridge, name: 'stranger0', mac: '02:00:00:00:ff:00' as Mac },
        { ...net.neighbour, ip: '10.0.0.99' as Ip },
        { ...net.remote, mac: '02:00:00:00:ff:01' as Mac },
        { ...net.flood, dst: '192.0.2.99' as Ip },
        { ...net.local, mac: '02:00:00:00:ff:02' as Mac },
        { ...net.address4, address: '10.99.0.2/24' as InterfaceAddress },
      ];
      await applyAll(...strangers.map(add));
      await expectAll([...net.objects, ...strangers]);
    });

    it('does not take another’s interface in a container for the end of one of our pairs', async () => {
      await applyAll(add({ kind: 'namespace', ns: net.ns }), add(net.bridge));
      world.addForeignInterface(container, 'eth0');
      expect(await find(net.peer)).toMatchObject({ detail: { type: 'other', linkKind: 'veth' } });
    });

    it('names no interface of a container that was not asked for', async () => {
      await build();
      world.addForeignInterface(container, 'eth7');
      const names = [...(await observe()).link.values()].filter(({ ns }) => ns === container.path);
      expect(names.map(({ name }) => name).sort()).toEqual(['eth0', 'lo']);
    });

    it('leaves out a container whose namespace is gone, and sees its port vanish', async () => {
      await build();
      await world.removeContainer(container);
      const state = await observe();
      expect([...state.link.values()].filter(({ ns }) => ns === container.path)).toEqual([]);
      expect(state.link.has(kernelKey(net.port))).toBe(false);
      expect(state.fdb.has(kernelKey(net.local))).toBe(false);
      expect(state.link.has(kernelKey(net.vxlan))).toBe(true);
    });

    it('leaves out a container whose path leads to another namespace by now', async () => {
      await build();
      const stale = { ...container, cookie: `${container.cookie}1` };
      const state = await world.kernel.observe({
        ...scope,
        containers: [{ namespace: stale, interfaces: ['eth0'] }],
      });
      expect([...state.link.values()].filter(({ ns }) => ns === container.path)).toEqual([]);
      expect(state.link.get(kernelKey(net.port))?.detail).toEqual({ type: 'veth', peer: undefined });
    });
  });

  describe('apply', () => {
    it('a second time changes nothing and succeeds', async () => {
      await build();
      const before = await observe();
      await build();
      expect(await observe()).toEqual(before);
    });

    it('answers each op, in the order of the ops', async () => {
      const ops = net.objects.map(add);
      expect((await apply(...ops)).map(({ op }) => op)).toEqual(ops);
    });

    it('does nothing for no ops', async () => {
      expect(await apply()).toEqual([]);
    });

    it('gives the container’s end its MAC and MTU at birth', async () => {
      await applyAll(...net.objects.slice(0, 3).map(add));
      await applyAll(add(net.port), add({ ...net.peer, up: false }));
      expect(await find(net.peer)).toMatchObject({ ...net.peer, up: false });
    });

    it('changes links in place', async () => {
      await build();
      const { detail } = net.vxlan as { detail: VxlanDetail };
      const changes: [KernelObject, KernelObject][] = [
        [net.bridge, { ...net.bridge, detail: { type: 'bridge', stp: false, multicastSnooping: true } }],
        [net.vxlan, { ...net.vxlan, mtu: 1350, detail: { ...detail, learning: true, ttl: 32 } }],
        [net.port, { ...net.port, port: { ...CONTAINER_PORT, isolated: true, hairpin: true } }],
        [net.peer, { ...net.peer, mtu: 1300, mac: '02:00:00:00:ff:03' as Mac }],
      ];
      await applyAll(...changes.map(([was, object]) => ({ verb: 'change', object, was }) as const));
      await expectAll(changes.map(([, object]) => object));
    });

    it('takes a port out of its bridge and puts it back', async () => {
      await build();
      const out: Link = { ...net.port, master: '', port: undefined };
      await applyAll({ verb: 'change', object: out, was: net.port });
      expect(await find(net.port)).toMatchObject({ master: '' });
      expect(await find(net.local)).toBeUndefined();
      await applyAll({ verb: 'change', object: net.port, was: out }, add(net.local));
      await expectAll([net.port, net.local]);
    });

    it('mends by adding: what is there under the name is made as wished', async () => {
      await build();
      await applyAll(add({ ...net.port, mtu: 1300, port: { ...CONTAINER_PORT, hairpin: true } }));
      expect(await find(net.port)).toMatchObject({ mtu: 1300, port: { hairpin: true } });
    });

    it('changes rows and addresses in place', async () => {
      await build();
      const changes: [KernelObject, KernelObject][] = [
        [net.neighbour, { ...net.neighbour, mac: '02:00:00:00:ff:04' as Mac }],
        [net.remote, { ...net.remote, dst: '192.0.2.77' as Ip }],
        [net.address6, { ...net.address6, nodad: false }],
        [net.route4, { ...net.route4, via: '10.0.0.9' as Ip }],
      ];
      await applyAll(...changes.map(([was, object]) => ({ verb: 'change', object, was }) as const));
      await expectAll(changes.map(([, object]) => object));
    });

    it('adds over another value of the same key', async () => {
      await build();
      const other = [
        { ...net.neighbour, mac: '02:00:00:00:ff:05' as Mac },
        { ...net.remote, dst: '192.0.2.78' as Ip },
        { ...net.route6, via: 'fd00:1::9' as Ip },
      ];
      await applyAll(...other.map(add));
      await expectAll(other);
    });

    it('keeps several destinations of the zero row and deletes just one', async () => {
      await build();
      const second = { ...net.flood, dst: '192.0.2.3' as Ip };
      await applyAll(add(second), add(second));
      await expectAll([net.flood, second]);
      await applyAll(del(net.flood));
      expect(await find(net.flood)).toBeUndefined();
      await expectAll([second]);
    });

    it('does not delete a row that has moved to another VTEP', async () => {
      await build();
      const moved = { ...net.remote, dst: '192.0.2.79' as Ip };
      await applyAll({ verb: 'change', object: moved, was: net.remote }, del(net.remote));
      await expectAll([moved]);
    });

    it('deletes each kind, and deletes what is absent without complaint', async () => {
      await build();
      const { lo: _, ...parts } = net;
      const objects = parts.objects.filter((object) => object !== net.lo && object.kind !== 'namespace');
      for (const object of objects.toReversed()) {
        await applyAll(del(object));
        expect(await find(object)).toBeUndefined();
        await applyAll(del(object));
      }
      await applyAll(del({ kind: 'namespace', ns: net.ns }));
      await applyAll(...net.objects.filter((object) => object !== net.lo).map(del));
    });

    it('removes a network, and with it the container’s interface', async () => {
      await build();
      await applyAll(del(net.vxlan), del({ kind: 'namespace', ns: net.ns }));
      await expectEventually(async () => {
        const state = await observe();
        expect(state.namespace.size).toBe(0);
        expect(state.link.has(kernelKey(net.peer))).toBe(false);
      });
      await build();
      await expectAll(net.objects);
    });

    it('deletes many ports at once', async () => {
      await build();
      const ports = Array.from({ length: 5 }, (_, i) => ({
        ...net.port,
        name: `pmany${i}`,
        mac: `02:00:00:01:00:0${i}` as Mac,
        detail: { type: 'veth', peer: { ns: container.path, name: `many${i}` } },
      })) satisfies Link[];
      await applyAll(...ports.map(add));
      await applyAll(...ports.map(del), del(net.port));
      const names = [...(await observe()).link.values()].filter(({ ns }) => ns === net.ns);
      expect(names.map(({ name }) => name).sort()).toEqual(['br0', 'lo', 'vxlan0']);
    });

    it('lets one failing op fail alone, and says what the kernel said', async () => {
      await build();
      const orphan = { ...net.remote, dev: 'nosuch0' };
      const row = { ...net.remote, mac: '02:00:00:00:ff:06' as Mac };
      const [first, failed, last] = await apply(add(net.neighbour), add(orphan), add(row));
      expect([first!.ok, last!.ok]).toEqual([true, true]);
      expect(failed).toMatchObject({ ok: false, error: { errno: 'ENODEV', retryable: false } });
      const { error } = failed as Extract<OpResult, { ok: false }>;
      expect(error.text).not.toBe('');
      expect(error.command).toContain('nosuch0');
      await expectAll([row]);
    });

    it('refuses the same VNI and port twice on a host', async () => {
      await build();
      const other = exampleNetwork(world.hostTag, world.underlay, container, 1);
      const twin = { ...other.vxlan, detail: net.vxlan.detail };
      await applyAll(add({ kind: 'namespace', ns: other.ns }), add(other.bridge));
      expect(await apply(add(twin))).toMatchObject([{ ok: false, error: { errno: 'EEXIST' } }]);
    });

    it('refuses to change what cannot be changed on a live VXLAN device', async () => {
      await build();
      const { detail } = net.vxlan as { detail: VxlanDetail };
      for (const other of [{ proxy: false }, { l2miss: true }, { l3miss: true }, { port: 4790 }]) {
        const object: Link = { ...net.vxlan, detail: { ...detail, ...other } };
        const results = await apply({ verb: 'change', object, was: net.vxlan });
        expect(results).toMatchObject([{ ok: false, error: { errno: 'EOPNOTSUPP' } }]);
      }
      await expectAll([net.vxlan]);
    });

    it('never dresses another’s interface that has the name already', async () => {
      world.addForeignInterface(container, 'eth0');
      const before = await find(net.peer);
      const results = await apply(...net.objects.map(add));
      const failed = results.filter(({ ok }) => !ok).map(({ op }) => op.object);
      expect(failed).toEqual(
        net.objects.filter(
          (o) => o === net.port || o === net.local || ('dev' in o && o.dev === 'eth0') || o === net.peer,
        ),
      );
      expect(results.find(({ op }) => op.object === net.port)).toMatchObject({ error: { errno: 'EEXIST' } });
      expect(await find(net.peer)).toEqual(before);
      expect(
        [...(await observe()).address.values()].filter(({ address }) => address.startsWith('10.')),
      ).toEqual([]);
    });

    it('refuses to add to a container that is gone, and deletes from it without complaint', async () => {
      await build();
      await world.removeContainer(container);
      expect(await apply(add(net.port), add(net.address4), del(net.address4), del(net.peer))).toMatchObject([
        { ok: false, error: { errno: 'ENOENT' } },
        { ok: false, error: { errno: 'ENOENT' } },
        { ok: true },
        { ok: true },
      ]);
    });

    it('refuses to add to an overlay namespace that is not there', async () => {
      expect(await apply(add(net.bridge), del(net.bridge), add(net.neighbour))).toMatchObject([
        { ok: false, error: { errno: 'ENOENT' } },
        { ok: true },
        { ok: false, error: { errno: 'ENOENT' } },
      ]);
    });
  });

  describe('watch', () => {
    it('tells of changes in an overlay namespace, and no longer after its stop', async () => {
      await build();
      const events: KernelEvent[] = [];
      const stop = world.kernel.watch((event) => events.push(event));
      await applyAll(add({ ...net.remote, mac: '02:00:00:00:ff:07' as Mac }));
      await expectEventually(() => expect(events).toContainEqual({ dirty: 'namespace', ns: net.ns }));
      stop();
      events.length = 0;
      await applyAll(del(net.neighbour));
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(events).toEqual([]);
    });

    it('tells of a namespace made later, and of its end', async () => {
      const events: KernelEvent[] = [];
      world.kernel.watch((event) => events.push(event));
      await build();
      await expectEventually(() => expect(events.length).toBeGreaterThan(0));
      events.length = 0;
      await applyAll(del(net.port));
      await expectEventually(() => expect(events).toContainEqual({ dirty: 'namespace', ns: net.ns }));
      events.length = 0;
      await applyAll(del(net.vxlan), del({ kind: 'namespace', ns: net.ns }));
      await expectEventually(() => expect(events.length).toBeGreaterThan(0));
    });

    it('tells of a container’s end by the loss of its port', async () => {
      await build();
      const events: KernelEvent[] = [];
      world.kernel.watch((event) => events.push(event));
      await world.removeContainer(container);
      await expectEventually(() => expect(events.length).toBeGreaterThan(0));
    });
  });
}

export const add = (object: KernelObject): KernelOp => ({ verb: 'add', object });
export const del = (object: KernelObject): KernelOp => ({ verb: 'delete', object });

/** Loopbacks, link-local addresses, ports' own MACs and multicast groups come and go with the devices. */
function isKernelsOwn(object: KernelObject): boolean {
  if (object.kind === 'link') return object.detail.type === 'loopback';
  if (object.kind === 'address') return object.address.startsWith('fe80:');
  return object.kind === 'fdb' && object.state === 'permanent' && object.dst === undefined;
}

async function expectEventually(check: () => void | Promise<void>, withinMs = 2000): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
