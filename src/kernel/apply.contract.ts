import { beforeEach, describe, expect, it } from 'vitest';
import type { Ip } from '#model/ip.ts';
import type { KernelOp, OpResult } from '#model/kernel-op.ts';
import {
  emptyKernelState,
  type Fdb,
  type KernelObject,
  kernelKey,
  kernelStateOf,
  type Link,
  type Neighbour,
  type VxlanDetail,
} from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import type { RowTable } from '#model/row-table.ts';
import type { Rows } from '#model/rows.ts';
import { add, del, expectEventually, type Stage } from './contract-stage.ts';
import { CONTAINER_PORT, exampleNetwork } from './example-network.ts';

/** What every `apply` must do. `at` gives the stage of the test that runs. */
export function applyContract(at: () => Stage): void {
  let stage: Stage;
  beforeEach(() => {
    stage = at();
  });

  describe('apply', () => {
    it('a second time changes nothing and succeeds', async () => {
      await stage.build();
      const before = await stage.observe();
      await stage.build();
      expect(await stage.observe()).toEqual(before);
    });

    it('answers each op, in the order of the ops', async () => {
      const ops = stage.net.objects.map(add);
      expect((await stage.apply(...ops)).map(({ op }) => op)).toEqual(ops);
    });

    it('writes many rows of a device by one op', async () => {
      await stage.build();
      const { flood, neighbour } = stage.net;
      const more = ['192.0.2.3', '192.0.2.4'].map((dst) => ({ ...flood, dst: dst as Ip }));
      const fdb = [...manyRows(stage), ...more];
      const neighbours = fdb.flatMap(({ mac }, i) =>
        [`10.1.${i >> 8}.${i & 255}`, `fd00::${i + 1}`].map((ip) => ({ ...neighbour, ip: ip as Ip, mac })),
      );
      expect(await stage.apply(inOne(fdb), inOne(neighbours))).not.toContainEqual(
        expect.objectContaining({ ok: false }),
      );
      await stage.expectAll([...fdb, ...neighbours]);
    });

    it('answers for each of many rows when some are refused', async () => {
      await stage.build();
      const rows = manyRows(stage);
      // Only a bridge has such.
      rows[7] = { ...rows[7]!, state: 'static' };
      const lost = rows.slice(0, 70).map((row) => ({ ...row, dev: 'vxlan9' }));
      const results = await stage.apply(inOne(rows), inOne(lost), add(stage.net.flood));
      expect(results.map(({ op }) => op)).toEqual([...rows, ...lost, stage.net.flood].map(add));
      const refused = results.flatMap((result) => (result.ok ? [] : [result.error]));
      expect(refused.map(({ errno }) => errno)).toEqual(['EINVAL', ...lost.map(() => 'ENODEV')]);
      expect(refused[0]!.command).toContain('02:00:00:00:fe:07');
      await stage.expectAll(rows.filter((_, i) => i !== 7));
    });

    it('does nothing for no ops', async () => {
      expect(await stage.apply()).toEqual([]);
    });

    it('gives the container’s end its MAC and MTU at birth', async () => {
      await stage.applyAll(...stage.net.objects.slice(0, 3).map(add));
      await stage.applyAll(add(stage.net.port), add({ ...stage.net.peer, up: false }));
      expect(await stage.find(stage.net.peer)).toMatchObject({ ...stage.net.peer, up: false });
    });

    it('changes links in place', async () => {
      await stage.build();
      const { detail } = stage.net.vxlan as { detail: VxlanDetail };
      const changes: [KernelObject, KernelObject][] = [
        [
          stage.net.bridge,
          { ...stage.net.bridge, detail: { type: 'bridge', stp: false, multicastSnooping: true } },
        ],
        [stage.net.vxlan, { ...stage.net.vxlan, mtu: 1350, detail: { ...detail, learning: true, ttl: 32 } }],
        [stage.net.port, { ...stage.net.port, port: { ...CONTAINER_PORT, isolated: true, hairpin: true } }],
        [stage.net.peer, { ...stage.net.peer, mtu: 1300, mac: '02:00:00:00:ff:03' as Mac }],
      ];
      await stage.applyAll(...changes.map(([was, object]) => ({ verb: 'change', object, was }) as const));
      await stage.expectAll(changes.map(([, object]) => object));
    });

    it('takes a port out of its bridge and puts it back', async () => {
      await stage.build();
      const out: Link = { ...stage.net.port, master: '', port: undefined };
      await stage.applyAll({ verb: 'change', object: out, was: stage.net.port });
      expect(await stage.find(stage.net.port)).toMatchObject({ master: '' });
      expect(await stage.find(stage.net.local)).toBeUndefined();
      await stage.applyAll({ verb: 'change', object: stage.net.port, was: out }, add(stage.net.local));
      await stage.expectAll([stage.net.port, stage.net.local]);
    });

    it('mends by adding: what is there under the name is made as wished', async () => {
      await stage.build();
      await stage.applyAll(add({ ...stage.net.port, mtu: 1300, port: { ...CONTAINER_PORT, hairpin: true } }));
      expect(await stage.find(stage.net.port)).toMatchObject({ mtu: 1300, port: { hairpin: true } });
    });

    it('changes rows and addresses in place', async () => {
      await stage.build();
      const changes: [KernelObject, KernelObject][] = [
        [stage.net.neighbour, { ...stage.net.neighbour, mac: '02:00:00:00:ff:04' as Mac }],
        [stage.net.remote, { ...stage.net.remote, dst: '192.0.2.77' as Ip }],
        [stage.net.address6, { ...stage.net.address6, nodad: false }],
        [stage.net.route4, { ...stage.net.route4, via: '10.0.0.9' as Ip }],
      ];
      await stage.applyAll(...changes.map(([was, object]) => ({ verb: 'change', object, was }) as const));
      await stage.expectAll(changes.map(([, object]) => object));
    });

    it('adds over another value of the same key', async () => {
      await stage.build();
      const other = [
        { ...stage.net.neighbour, mac: '02:00:00:00:ff:05' as Mac },
        { ...stage.net.remote, dst: '192.0.2.78' as Ip },
        { ...stage.net.route6, via: 'fd00:1::9' as Ip },
      ];
      await stage.applyAll(...other.map(add));
      await stage.expectAll(other);
    });

    it('keeps several destinations of the zero row and deletes just one', async () => {
      await stage.build();
      const second = { ...stage.net.flood, dst: '192.0.2.3' as Ip };
      await stage.applyAll(add(second), add(second));
      await stage.expectAll([stage.net.flood, second]);
      await stage.applyAll(del(stage.net.flood));
      expect(await stage.find(stage.net.flood)).toBeUndefined();
      await stage.expectAll([second]);
    });

    it('does not delete a row that has moved to another VTEP', async () => {
      await stage.build();
      const moved = { ...stage.net.remote, dst: '192.0.2.79' as Ip };
      await stage.applyAll({ verb: 'change', object: moved, was: stage.net.remote }, del(stage.net.remote));
      await stage.expectAll([moved]);
    });

    it('deletes each kind, and deletes what is absent without complaint', async () => {
      await stage.build();
      const { lo: _, ...parts } = stage.net;
      const objects = parts.objects.filter(
        (object) => object !== stage.net.lo && object.kind !== 'namespace',
      );
      for (const object of objects.toReversed()) {
        await stage.applyAll(del(object));
        expect(await stage.find(object)).toBeUndefined();
        await stage.applyAll(del(object));
      }
      await stage.applyAll(del({ kind: 'namespace', ns: stage.net.ns }));
      await stage.applyAll(...stage.net.objects.filter((object) => object !== stage.net.lo).map(del));
    });

    it('removes a network, and with it the container’s interface', async () => {
      await stage.build();
      await stage.applyAll(del(stage.net.vxlan), del({ kind: 'namespace', ns: stage.net.ns }));
      await expectEventually(async () => {
        const state = await stage.observe();
        expect(state.namespace.size).toBe(0);
        expect(state.link.has(kernelKey(stage.net.peer))).toBe(false);
      });
      await stage.build();
      await stage.expectAll(stage.net.objects);
    });

    it('deletes many ports at once', async () => {
      await stage.build();
      const ports = Array.from({ length: 5 }, (_, i) => ({
        ...stage.net.port,
        name: `pmany${i}`,
        mac: `02:00:00:01:00:0${i}` as Mac,
        detail: { type: 'veth', peer: { ns: stage.container.path, name: `many${i}` } },
      })) satisfies Link[];
      await stage.applyAll(...ports.map(add));
      await stage.applyAll(...ports.map(del), del(stage.net.port));
      const names = [...(await stage.observe()).link.values()].filter(({ ns }) => ns === stage.net.ns);
      expect(names.map(({ name }) => name).sort()).toEqual(['br0', 'lo', 'vxlan0']);
    });

    it('lets one failing op fail alone, and says what the kernel said', async () => {
      await stage.build();
      const orphan = { ...stage.net.remote, dev: 'nosuch0' };
      const row = { ...stage.net.remote, mac: '02:00:00:00:ff:06' as Mac };
      const [first, failed, last] = await stage.apply(add(stage.net.neighbour), add(orphan), add(row));
      expect([first!.ok, last!.ok]).toEqual([true, true]);
      expect(failed).toMatchObject({ ok: false, error: { errno: 'ENODEV', retryable: false } });
      const { error } = failed as Extract<OpResult, { ok: false }>;
      expect(error.text).not.toBe('');
      expect(error.command).toContain('nosuch0');
      await stage.expectAll([row]);
    });

    it('refuses the same VNI and port twice on a host', async () => {
      await stage.build();
      const other = exampleNetwork(stage.world.hostTag, stage.world.underlay, stage.container, 1);
      const twin = { ...other.vxlan, detail: stage.net.vxlan.detail };
      await stage.applyAll(add({ kind: 'namespace', ns: other.ns }), add(other.bridge));
      expect(await stage.apply(add(twin))).toMatchObject([{ ok: false, error: { errno: 'EEXIST' } }]);
    });

    it('refuses to change what cannot be changed on a live VXLAN device', async () => {
      await stage.build();
      const { detail } = stage.net.vxlan as { detail: VxlanDetail };
      for (const other of [{ proxy: false }, { l2miss: true }, { l3miss: true }, { port: 4790 }]) {
        const object: Link = { ...stage.net.vxlan, detail: { ...detail, ...other } };
        const results = await stage.apply({ verb: 'change', object, was: stage.net.vxlan });
        expect(results).toMatchObject([{ ok: false, error: { errno: 'EOPNOTSUPP' } }]);
      }
      await stage.expectAll([stage.net.vxlan]);
    });

    it('never dresses another’s interface that has the name already', async () => {
      stage.world.addForeignInterface(stage.container, 'eth0');
      const before = await stage.find(stage.net.peer);
      const results = await stage.apply(...stage.net.objects.map(add));
      const failed = results.filter(({ ok }) => !ok).map(({ op }) => op.object);
      expect(failed).toEqual(
        stage.net.objects.filter(
          (o) =>
            o === stage.net.port ||
            o === stage.net.local ||
            ('dev' in o && o.dev === 'eth0') ||
            o === stage.net.peer,
        ),
      );
      expect(results.find(({ op }) => op.object === stage.net.port)).toMatchObject({
        error: { errno: 'EEXIST' },
      });
      expect(await stage.find(stage.net.peer)).toEqual(before);
      expect(
        [...(await stage.observe()).address.values()].filter(({ address }) => address.startsWith('10.')),
      ).toEqual([]);
    });

    it('refuses to add to a container that is gone, and deletes from it without complaint', async () => {
      await stage.build();
      await stage.world.removeContainer(stage.container);
      expect(
        await stage.apply(
          add(stage.net.port),
          add(stage.net.address4),
          del(stage.net.address4),
          del(stage.net.peer),
        ),
      ).toMatchObject([
        { ok: false, error: { errno: 'ENOENT' } },
        { ok: false, error: { errno: 'ENOENT' } },
        { ok: true },
        { ok: true },
      ]);
    });

    it('refuses to add to an overlay namespace that is not there', async () => {
      expect(
        await stage.apply(add(stage.net.bridge), del(stage.net.bridge), add(stage.net.neighbour)),
      ).toMatchObject([
        { ok: false, error: { errno: 'ENOENT' } },
        { ok: true },
        { ok: false, error: { errno: 'ENOENT' } },
      ]);
    });
  });
}

/** More than a send takes. */
const manyRows = ({ net }: Stage): Fdb[] =>
  Array.from({ length: 250 }, (_, i) => ({
    ...net.remote,
    mac: `02:00:00:00:fe:${i.toString(16).padStart(2, '0')}` as Mac,
    dst: `192.0.2.${i}` as Ip,
  }));

/** As `diff` has it for rows that are all missing. */
function inOne(objects: readonly (Fdb | Neighbour)[]): KernelOp {
  const ops: KernelOp[] = [];
  const table: RowTable<Fdb | Neighbour> = kernelStateOf(objects)[objects[0]!.kind];
  const onMissing = (rows: Rows) => ops.push({ verb: 'add', object: rows.at(0), rows });
  table.compare(
    emptyKernelState()[objects[0]!.kind],
    () => true,
    onMissing,
    () => {},
  );
  return ops[0]!;
}
