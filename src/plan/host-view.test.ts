import { describe, expect, it } from 'vitest';
import type { Ip } from '#model/ip.ts';
import type { TunnelEnd } from '#model/network-endpoints.ts';
import type { StoredRecord } from '#model/records.ts';
import { Snapshot } from '#model/snapshot.ts';
import { hostView } from './host-view.ts';
import { testEndpoint, testHost, testId, testNetwork, testView } from './test-world.ts';

const hosts = [testHost(1), testHost(2), testHost(3)];
const networks = [testNetwork(1), testNetwork(2)];

/** Remote endpoints have no order. */
function viewOf(records: readonly StoredRecord[]) {
  const view = testView(records);
  const sorted = (ends: Iterable<TunnelEnd>) =>
    Array.from(ends, ({ host, mac, addresses }) => ({ host, mac, addresses })).sort((a, b) =>
      a.mac < b.mac ? -1 : 1,
    );
  return { ...view, networks: view.networks.map((each) => ({ ...each, remote: sorted(each.remote) })) };
}

describe('a host view', () => {
  it('is undefined for an unknown host', () => {
    expect(hostView(new Snapshot(hosts), testId('host', 9))).toBeUndefined();
  });

  it('has the networks in which the host has an endpoint, and only those', () => {
    const view = testView([...hosts, ...networks, testEndpoint(1, 2, 1), testEndpoint(2, 1, 2)]);
    expect(view.networks.map(({ network }) => network.name)).toEqual(['n2']);
    expect(view.host.name).toBe('h1');
    expect(view.revision).toBe(1);
  });

  it('tells local from remote endpoints and names the members with their VTEPs', () => {
    const [network] = testView([
      ...hosts,
      ...networks,
      testEndpoint(1, 1, 1),
      testEndpoint(2, 1, 2),
      testEndpoint(3, 1, 2),
    ]).networks;
    expect(network!.local.map(({ name }) => name)).toEqual(['c1']);
    expect([...network!.remote]).toMatchObject([
      { host: testId('host', 2), mac: testEndpoint(2, 1, 2).mac },
      { host: testId('host', 2), mac: testEndpoint(3, 1, 2).mac },
    ]);
    expect([...network!.hosts.values()].map(({ name }) => name)).toEqual(['h1', 'h2']);
    expect([...network!.vteps.values()]).toEqual(['10.99.0.1', '10.99.0.2']);
  });

  it('sets apart endpoints on hosts without a record, or without an address of the family', () => {
    const [network] = testView([
      testHost(1),
      testHost(2, { underlay: ['10.99.0.2' as Ip] }),
      testNetwork(1, 'proxy', 'ipv6'),
      testEndpoint(1, 1, 1),
      testEndpoint(2, 1, 2),
      testEndpoint(3, 1, 3),
    ]).networks;
    expect([...network!.remote]).toEqual([]);
    expect(network!.unreachable.map(({ name }) => name)).toEqual(['c2', 'c3']);
    expect([...network!.vteps.values()]).toEqual(['fd99::1']);
  });

  it('does not depend on the order in which records came', () => {
    const records = [
      ...hosts,
      ...networks,
      ...[1, 2, 3, 4, 5, 6].map((n) => testEndpoint(n, 1 + (n % 2), 1 + (n % 3))),
    ];
    const once = viewOf(records);
    expect(viewOf([...records].reverse())).toEqual(once);
    expect(viewOf([...records, ...records])).toEqual(once);
    expect([...viewOf([...records].reverse()).networks[0]!.hosts.keys()]).toEqual([
      ...once.networks[0]!.hosts.keys(),
    ]);
  });
});
