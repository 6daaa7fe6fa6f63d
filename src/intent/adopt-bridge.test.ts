import { expect, it } from 'vitest';
import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';
import type { Adoption, Network } from '#model/records.ts';
import type { AdoptBridge } from '#model/wish.ts';
import { attachEndpoint, sentences, World } from './test-world.ts';

const adopt = (host: string, bridge: string, more: Partial<AdoptBridge> = {}): AdoptBridge => ({
  wish: 'adopt-bridge',
  host,
  bridge,
  network: 'shared',
  ...more,
});
const disown = (host: string, bridge: string) => ({ wish: 'disown-bridge', host, bridge }) as const;

function twoHosts(): World {
  const world = new World();
  for (const name of ['h1', 'h2']) world.host(name);
  return world;
}

it('makes a network of that name for the first bridge, and joins the others to it', () => {
  const it = twoHosts();
  it.do(adopt('h1', 'br-1', { vni: 77 }));
  const network = it.snapshot.networkNamed('shared') as Network;
  expect(network).toMatchObject({ mode: 'static', vni: 77, subnets: [], mtu: 0, adopts: true });
  const second = it.do(adopt('h2', 'docker0', { network: network.id })).subject as Adoption;
  expect(second).toMatchObject({ network: network.id, bridge: 'docker0', stations: [] });
  expect([...it.snapshot.inNetwork(network.id).endpointCount.values()]).toEqual([1, 1]);
});

it('is idempotent', () => {
  const it = twoHosts();
  const first = it.do(adopt('h1', 'br-1'));
  expect(it.do(adopt('h1', 'br-1'))).toMatchObject({ changes: [], subject: first.subject });
});

it.each(['flood', 'static', 'p2p'])('takes mode %s', (mode) => {
  const it = twoHosts();
  it.do(adopt('h1', 'br-1', { mode }));
  expect(it.snapshot.networkNamed('shared')?.mode).toBe(mode);
  it.do(adopt('h2', 'br-1'));
});

it.each([
  ['proxy', /^mode "proxy": answers only for whom Weft knows.*; choose one of static, flood and p2p/],
  ['on-demand', /^mode "on-demand": answers only for whom Weft knows/],
  ['multicast', /^mode "multicast": takes no frame larger than one packet/],
])('refuses %s, in which not everybody is reached with every frame', (mode, refusal) => {
  const it = twoHosts();
  expect(sentences(it.try(adopt('h1', 'br-1', { mode })))[1]).toMatch(refusal);
  expect(it.snapshot.networks.size).toBe(0);
  it.do(adopt('h1', 'br-1'));
  const change = { wish: 'change-network', network: 'shared', mode, force: false } as const;
  expect(sentences(it.try(change))[1]).toMatch(refusal);
});

it('refuses a third bridge of a tunnel from point to point', () => {
  const it = twoHosts();
  it.host('h3');
  for (const host of ['h1', 'h2']) it.do(adopt(host, 'br-1', host === 'h1' ? { mode: 'p2p' } : {}));
  expect(sentences(it.try(adopt('h3', 'br-1')))[1]).toMatch(
    /^host "h3": would be a third end: .* between h1 and h2/,
  );
  it.do({ wish: 'change-network', network: 'shared', mode: 'flood', force: false });
});

it('names every fault at once', () => {
  const it = twoHosts();
  const faults = sentences(it.try(adopt('h9', 'no/bridge', { network: 'x y', vni: 0 })));
  expect(faults.map((each) => each.split(' ')[0])).toEqual(['invalid', 'bridge', 'network', 'vni', 'host']);
});

it('refuses a bridge that another network has, and a second bridge of the same host', () => {
  const it = twoHosts();
  it.do(adopt('h1', 'br-1'));
  expect(sentences(it.try(adopt('h1', 'br-1', { network: 'other' })))).toEqual([
    'conflict',
    'bridge "br-1": is adopted by network shared already; weft network disown br-1, then adopt it anew',
  ]);
  expect(sentences(it.try(adopt('h1', 'br-2')))).toEqual([
    'conflict',
    'network "shared": has bridge br-1 of host h1 already; a network takes one bridge of each host: name another network',
  ]);
});

it('refuses words that contradict the network that is there', () => {
  const it = twoHosts();
  it.do(adopt('h1', 'br-1'));
  expect(sentences(it.try(adopt('h2', 'br-2', { mode: 'flood' })))).toEqual([
    'conflict',
    'mode "flood": is not that of network shared, which is there already (static); leave it out, or name another network',
  ]);
});

it('keeps the two sorts of networks apart', () => {
  const it = twoHosts();
  it.network('own');
  expect(sentences(it.try(adopt('h1', 'br-1', { network: 'own' })))[1]).toMatch(
    /^network "own": has bridges/,
  );
  it.do(adopt('h1', 'br-1'));
  expect(sentences(it.try(attachEndpoint('shared', 'h1', 'c')))[1]).toMatch(
    /^network "shared": is of adopted bridges/,
  );
});

it('disowns, and says when no bridge is left; network and host can be removed only then', () => {
  const it = twoHosts();
  it.do(adopt('h1', 'br-1'));
  it.do(adopt('h2', 'br-2'));
  expect(sentences(it.try({ wish: 'remove-network', network: 'shared' }))[1]).toBe(
    'network "shared": still has bridge br-1 of host h1 and bridge br-2 of host h2; ' +
      'disown them first, each on its host: `weft network disown`',
  );
  expect(sentences(it.try({ wish: 'remove-host', host: 'h1' }))[0]).toBe('conflict');
  expect(it.do(disown('h1', 'br-1')).notices).toEqual([]);
  expect(it.do(disown('h2', 'br-2')).notices.map(({ code }) => code)).toEqual(['network-without-bridge']);
  it.do({ wish: 'remove-network', network: 'shared' });
  it.do({ wish: 'remove-host', host: 'h1' });
  expect(it.snapshot.adoptions.size).toBe(0);
});

it('refuses to disown what is not adopted', () => {
  const it = twoHosts();
  it.do(adopt('h1', 'br-1'));
  expect(sentences(it.try(disown('h2', 'br-1')))).toEqual([
    'absent',
    'bridge "br-1": is not adopted on host h2; it is on h1: `weft network disown br-1` there',
  ]);
  expect(sentences(it.try(disown('h2', 'br-9')))[1]).toBe(
    'bridge "br-9": is not adopted on host h2; there are none yet: `weft network adopt BRIDGE` adopts one',
  );
  expect(sentences(it.try(disown('h1', 'br-9')))[1]).toBe(
    'bridge "br-9": is not adopted on host h1; did you mean br-1?',
  );
});

it('an eviction takes the bridges of the host out', () => {
  const it = twoHosts();
  it.do(adopt('h1', 'br-1'));
  it.do({ wish: 'evict-host', host: 'h1' });
  expect(it.snapshot.adoptions.size).toBe(0);
});

it('takes what a host says of who is behind its bridge; of a disowned one it is old news', () => {
  const it = twoHosts();
  const adoption = it.do(adopt('h1', 'br-1')).subject as Adoption;
  const stations = [{ mac: '02:42:00:00:00:02' as Mac, addresses: ['172.18.0.2' as Ip], generation: 1 }];
  const wish = { wish: 'publish-stations', adoption: adoption.id, stations } as const;
  it.do(wish);
  expect(it.snapshot.adoptions.get(adoption.id)?.stations).toEqual(stations);
  expect(it.do(wish).changes).toEqual([]);
  it.do(disown('h1', 'br-1'));
  expect(it.do(wish).changes).toEqual([]);
});
