import { describe, expect, it } from 'vitest';
import type { Ip } from '#model/ip.ts';
import {
  addKernelObject,
  kernelObjects,
  kernelStateOf,
  type MutableKernelTables,
} from '#model/kernel-state.ts';
import { portName } from '#model/own.ts';
import { desired } from './desired.ts';
import { diff } from './diff.ts';
import { driftOf, hostStatus, type StatusFacts } from './status.ts';
import { remove } from './test-kernel.ts';
import { testEndpoint, testFacts, testHost, testNetwork, testView } from './test-world.ts';

const endpoint = testEndpoint(11, 1, 1);
const records = [testHost(1), testHost(2), testNetwork(1, 'proxy'), endpoint, testEndpoint(21, 1, 2)];
const view = testView(records);
const facts = testFacts(view);
const wished = desired(view, facts);

function driftAfter(damage: (seen: MutableKernelTables) => void) {
  const seen = kernelStateOf(kernelObjects(wished));
  damage(seen);
  return driftOf(diff(wished, seen, facts));
}
const [ns] = [...wished.namespace.keys()];
const linkNamed = (name: string) => wished.link.get(`${ns} ${name}`)!;

describe('drift', () => {
  it('is nothing when all is as wished', () => {
    expect(driftAfter(() => {})).toEqual([]);
  });

  it('is counted by kind and by missing, extra and changed', () => {
    const drift = driftAfter((seen) => {
      const [first, second] = [...seen.neighbour.values()];
      remove(seen, first!);
      addKernelObject(seen, { ...second!, state: 'stale' });
      addKernelObject(seen, { ...second!, ip: '10.1.9.9' as Ip });
      addKernelObject(seen, { ...linkNamed('br0'), up: false });
    });
    expect(drift).toEqual([
      { kind: 'link', missing: 0, extra: 0, changed: 1 },
      { kind: 'neighbour', missing: 1, extra: 1, changed: 1 },
    ]);
  });

  it('counts what somebody deleted with all that went along', () => {
    const drift = driftAfter((seen) => remove(seen, linkNamed(portName(endpoint.id))));
    expect(drift).toEqual([
      { kind: 'link', missing: 2, extra: 0, changed: 0 },
      { kind: 'address', missing: 3, extra: 0, changed: 0 },
      { kind: 'route', missing: 2, extra: 0, changed: 0 },
      { kind: 'fdb', missing: 1, extra: 0, changed: 0 },
    ]);
  });

  it('counts a link that must be built anew once, and none of its rows', () => {
    const vxlan = linkNamed('vxlan0');
    const drift = driftAfter((seen) => {
      if (vxlan.detail.type === 'vxlan')
        addKernelObject(seen, { ...vxlan, detail: { ...vxlan.detail, proxy: false } });
    });
    expect(drift).toEqual([{ kind: 'link', missing: 0, extra: 0, changed: 1 }]);
    const bridge = driftAfter((seen) =>
      addKernelObject(seen, { ...linkNamed('br0'), detail: { type: 'other', linkKind: 'dummy' } }),
    );
    expect(bridge).toEqual([{ kind: 'link', missing: 0, extra: 0, changed: 1 }]);
  });
});

describe('the status of a host', () => {
  const statusOf = (changes: Partial<StatusFacts>, of = view) =>
    hostStatus(of, {
      headRevision: 1,
      appliedRevision: 1,
      settledRevision: 1,
      ops: [],
      results: [],
      outages: [],
      refused: [],
      permits: [],
      notices: [],
      ...changes,
    });
  const op = { verb: 'add', object: { kind: 'namespace', ns: ns! } } as const;

  it('tells lag, drift and failing apart', () => {
    expect(statusOf({ headRevision: 7 })).toMatchObject({
      headRevision: 7,
      appliedRevision: 1,
      drift: [],
      failing: [],
    });
    expect(statusOf({ ops: [op] }).drift).toEqual([{ kind: 'namespace', missing: 1, extra: 0, changed: 0 }]);
    expect(statusOf({ ops: [op], appliedRevision: 0 }).drift).toEqual([]);
    const error = {
      errno: 'EPERM',
      text: 'Operation not permitted',
      command: 'ip netns add x',
      retryable: false,
    };
    expect(
      statusOf({
        results: [
          { ok: false, op, error },
          { ok: true, op },
        ],
      }),
    ).toMatchObject({
      failing: [error],
      drift: [],
    });
  });

  it('counts networks and local endpoints', () => {
    expect(statusOf({})).toMatchObject({ networks: 1, endpoints: 1, notices: [], host: view.host.id });
  });

  it('notices hosts that no tunnel leads to, and that it has none itself', () => {
    const codes = (world: Parameters<typeof testView>[0]) =>
      statusOf({}, testView(world)).notices.map(({ code }) => code);
    expect(codes(records.filter((record) => record.id !== testHost(2).id))).toEqual(['endpoint-unreachable']);
    expect(
      codes(records.map((record) => (record.kind === 'host' ? { ...record, underlay: [] } : record))),
    ).toEqual(['host-without-tunnel', 'endpoint-unreachable']);
  });

  it('notices that full packets do not fit through the underlay any more', () => {
    const withMtu = (underlayMtu: number) =>
      statusOf(
        {},
        testView(
          records.map((record) =>
            record.kind === 'host' ? { ...record, facts: { ...record.facts, underlayMtu } } : record,
          ),
        ),
      ).notices;
    const { name, mtu } = testNetwork(1, 'proxy');
    expect(withMtu(mtu + 50)).toEqual([]);
    expect(withMtu(mtu + 49)).toMatchObject([
      {
        code: 'underlay-mtu-too-small',
        next: expect.stringContaining(`weft network set ${name} --mtu ${mtu - 1}`),
      },
    ]);
    // What the network's IPv6 subnet does not let it have, as through Tailscale (1280), is not proposed.
    const [{ next } = { next: '' }] = withMtu(1280);
    expect(next).not.toContain('weft network set');
    expect(next).toContain('a network with an IPv4 subnet alone, and --mtu 1230');
  });
});
