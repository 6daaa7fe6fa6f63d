import { beforeEach, describe, expect, it } from 'vitest';
import type { InterfaceAddress } from '#model/cidr.ts';
import type { Ip } from '#model/ip.ts';
import { type KernelObject, kernelKey, kernelObjects } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { add, del, expectEventually, type Stage } from './contract-stage.ts';
import { exampleNetwork } from './example-network.ts';
import type { Scope } from './kernel.ts';

/** What every `observe` must do. `at` gives the stage of the test that runs. */
export function observeContract(at: () => Stage): void {
  let stage: Stage;
  beforeEach(() => {
    stage = at();
  });

  describe('observe', () => {
    it('of an untouched host finds the container’s loopback and settings of the host, and nothing else', async () => {
      const lo = { ...stage.net.lo, up: false };
      const seen = [...kernelObjects(await stage.observe())].filter(({ kind }) => kind !== 'setting');
      expect(seen).toEqual([expect.objectContaining(lo)]);
    });

    it('gives exactly what was applied', async () => {
      await stage.build();
      await stage.expectAll(stage.net.objects);
    });

    it('shows beside it only what the kernel adds by itself', async () => {
      await stage.build();
      const wished = new Set(stage.net.objects.map((object) => object.kind + kernelKey(object)));
      const more = [...kernelObjects(await stage.observe())].filter(
        (o) => !wished.has(o.kind + kernelKey(o)),
      );
      for (const object of more) expect(isKernelsOwn(object), JSON.stringify(object)).toBe(true);
    });

    it('sums up rows: the same while nothing changes, in whatever order they came, and else another', async () => {
      await stage.build();
      const { remote, flood, neighbour, local } = stage.net;
      const look = (rows?: Scope['rows']) => stage.world.kernel.observe({ ...stage.scope, rows });
      const sum = async () => (await look('sums')).rowSums.get(stage.net.ns);
      const before = await sum();
      expect((await look()).rowSums.get(stage.net.ns)).toBe(before);
      for (const [row, other] of [
        [remote, { ...remote, dst: '192.0.2.9' as Ip }],
        [neighbour, { ...neighbour, mac: '02:00:00:00:ff:01' as Mac }],
        [flood, { ...flood, dst: '192.0.2.9' as Ip }],
        [local, { ...local, mac: '02:00:00:00:ff:01' as Mac }],
      ] as const) {
        await stage.applyAll(del(row));
        const without = await sum();
        await stage.applyAll(add(other));
        expect(new Set([before, without, await sum()]).size).toBe(3);
        await stage.applyAll(del(other), add(row));
        expect(await sum()).toBe(before);
      }
    });

    it('leaves out rows when they are not asked for', async () => {
      await stage.build();
      const { fdb, neighbour, link, rowSums } = await stage.world.kernel.observe({
        ...stage.scope,
        rows: 'none',
      });
      expect([fdb.size, neighbour.size, rowSums.size]).toEqual([0, 0, 0]);
      expect(link.size).toBe((await stage.observe()).link.size);
    });

    it('looks only at the overlays asked for', async () => {
      const other = exampleNetwork(stage.world.hostTag, stage.world.underlay, stage.container, 1);
      await stage.applyAll(
        add({ kind: 'namespace', ns: other.ns }),
        add({ kind: 'namespace', ns: stage.net.ns }),
      );
      expect([...(await stage.observe()).namespace.keys()].sort()).toEqual([stage.net.ns, other.ns]);
      const some = await stage.world.kernel.observe({
        ...stage.scope,
        overlays: [other.ns, 'weft-00000000-1'],
      });
      expect([...some.namespace.keys()]).toEqual([other.ns]);
    });

    it('finds no overlay of another host’s tag', async () => {
      await stage.applyAll(add({ kind: 'namespace', ns: stage.net.ns }));
      const state = await stage.world.kernel.observe({ hostTag: 'zzzzzzzz', containers: [] });
      expect(state.namespace.size).toBe(0);
    });

    it('reports strangers in our namespaces and on our devices', async () => {
      await stage.build();
      const strangers: KernelObject[] = [
        { ...stage.net.bridge, name: 'stranger0', mac: '02:00:00:00:ff:00' as Mac },
        { ...stage.net.neighbour, ip: '10.0.0.99' as Ip },
        { ...stage.net.neighbour, ip: '10.0.0.99' as Ip, dev: stage.net.bridge.name },
        { ...stage.net.remote, mac: '02:00:00:00:ff:01' as Mac },
        { ...stage.net.flood, dst: '192.0.2.99' as Ip },
        { ...stage.net.local, mac: '02:00:00:00:ff:02' as Mac },
        { ...stage.net.address4, address: '10.99.0.2/24' as InterfaceAddress },
      ];
      await stage.applyAll(...strangers.map(add));
      await stage.expectAll([...stage.net.objects, ...strangers]);
    });

    it('does not take another’s interface in a container for the end of one of our pairs', async () => {
      await stage.applyAll(add({ kind: 'namespace', ns: stage.net.ns }), add(stage.net.bridge));
      stage.world.addForeignInterface(stage.container, 'eth0');
      expect(await stage.find(stage.net.peer)).toMatchObject({ detail: { type: 'other', linkKind: 'veth' } });
    });

    it('names no interface of a container that was not asked for', async () => {
      await stage.build();
      stage.world.addForeignInterface(stage.container, 'eth7');
      const names = [...(await stage.observe()).link.values()].filter(
        ({ ns }) => ns === stage.container.path,
      );
      expect(names.map(({ name }) => name).sort()).toEqual(['eth0', 'lo']);
    });

    it('leaves out a container whose namespace is gone, and sees its port vanish', async () => {
      await stage.build();
      await stage.world.removeContainer(stage.container);
      const state = await stage.observe();
      expect([...state.link.values()].filter(({ ns }) => ns === stage.container.path)).toEqual([]);
      expect(state.link.has(kernelKey(stage.net.port))).toBe(false);
      expect(state.fdb.has(kernelKey(stage.net.local))).toBe(false);
      expect(state.link.has(kernelKey(stage.net.vxlan))).toBe(true);
    });

    it('where silence is trusted, sees what was changed in a container, and that its port or itself is gone', async () => {
      await stage.build();
      const stop = stage.world.kernel.watch(() => {});
      const look = () => stage.world.kernel.observe({ ...stage.scope, trustsSilence: true });
      const { address4, peer, port } = stage.net;
      await stage.observe();
      expect((await look()).address.has(kernelKey(address4))).toBe(true);
      await stage.applyAll(del(address4));
      await expectEventually(async () => expect((await look()).address.has(kernelKey(address4))).toBe(false));
      await stage.applyAll(del(port));
      expect((await look()).link.has(kernelKey(peer))).toBe(false);
      await stage.build();
      await expectEventually(async () => expect((await look()).link.has(kernelKey(peer))).toBe(true));
      await stage.world.removeContainer(stage.container);
      const inContainer = [...(await look()).link.values()].filter(({ ns }) => ns === stage.container.path);
      expect(inContainer).toEqual([]);
      stop();
    });

    it('leaves out a container whose path leads to another namespace by now', async () => {
      await stage.build();
      const stale = { ...stage.container, cookie: `${stage.container.cookie}1` };
      const state = await stage.world.kernel.observe({
        ...stage.scope,
        containers: [{ namespace: stale, interfaces: ['eth0'] }],
      });
      expect([...state.link.values()].filter(({ ns }) => ns === stage.container.path)).toEqual([]);
      expect(state.link.get(kernelKey(stage.net.port))?.detail).toEqual({ type: 'veth', peer: undefined });
    });
  });
}

/** Loopbacks, link-local addresses, ports' own MACs and multicast groups come and go with the devices. */
function isKernelsOwn(object: KernelObject): boolean {
  if (object.kind === 'link') return object.detail.type === 'loopback';
  if (object.kind === 'setting') return true;
  if (object.kind === 'address') return object.address.startsWith('fe80:');
  return object.kind === 'fdb' && object.state === 'permanent' && object.dst === undefined;
}
