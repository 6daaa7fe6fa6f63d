import { expect, it } from 'vitest';
import { cidrContains, cidrsOverlap, ipOf } from '#model/cidr.ts';
import { isRejection } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import { foldName } from '#model/name.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { seededRandom } from '#model/test-random.ts';
import type { Wish } from '#model/wish.ts';
import { auditAddresses } from './audit-addresses.ts';
import { attachEndpoint, createNetwork, registerHost, World } from './test-world.ts';
import { unusable } from './usable-addresses.ts';

type Random = () => number;
const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
const maybe = <T>(random: Random, value: () => T): T | undefined => (random() < 0.3 ? value() : undefined);

const HOSTS = ['h0', 'h1', 'h2', 'h3'];
const NETWORKS = ['Red', 'blue', 'green', 'grey'];
/** Small ones, so that they fill up; overlapping ones, so that containers meet both. */
const SUBNETS = [
  '10.1.0.0/28',
  '10.1.0.0/27',
  '10.1.0.16/30',
  '10.2.0.0/26',
  'fd00:1::/124',
  'fd00:2::/64',
  'x',
];
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02', '02-00-00-00-00-02', 'ff:ff:ff:ff:ff:ff'];
const IPS = ['10.1.0.2', '10.1.0.5', '10.1.0.17', '10.2.0.9', 'fd00:1::2', 'fd00:2::99', '10.1.0.0', 'x'];

/** Mostly attaches, like life; with every sort of trouble. */
function randomWish(random: Random, { endpoints, networks, blocks }: SnapshotView): Wish {
  const roll = random();
  if (roll < 0.6)
    return attachEndpoint(pick(random, NETWORKS), pick(random, HOSTS), `c${Math.floor(random() * 12)}`, {
      addresses: maybe(random, () => [pick(random, IPS), pick(random, IPS)]) ?? [],
      mac: maybe(random, () => pick(random, MACS)),
      interface: maybe(random, () => pick(random, ['eth0', 'eth1', 'lo'])),
    });
  if (roll < 0.85) {
    const endpoint = pick(random, [
      ...Array.from(endpoints.values(), ({ id }) => id),
      '01ARYZ6S410000000000000000' as Id,
    ]);
    return { wish: 'detach-endpoint', endpoint, generation: pick(random, [0, 1, 2]) };
  }
  if (roll < 0.87) return { wish: 'evict-host', host: pick(random, HOSTS) };
  if (roll < 0.9) {
    const network = pick(random, [...networks.keys(), '01ARYZ6S410000000000000000' as Id]);
    const wish = pick(random, ['return-blocks', 'acquire-blocks'] as const);
    return { wish, network, host: pick(random, HOSTS), subnets: SUBNETS, owned: pick(random, [0, 1, 2]) };
  }
  const [first] = blocks.keys();
  if (roll < 0.91 && first) return { wish: 'free-block', block: pick(random, [...blocks.keys()]) };
  if (roll < 0.94)
    return createNetwork(pick(random, NETWORKS).toUpperCase(), {
      subnets: maybe(random, () => [pick(random, SUBNETS), pick(random, SUBNETS)]) ?? [pick(random, SUBNETS)],
      vni: maybe(random, () => pick(random, [1, 2, 1_048_576, 0])),
      mtu: maybe(random, () => pick(random, [1300, 1450, 9000])),
    });
  if (roll < 0.96) return { wish: 'remove-network', network: pick(random, NETWORKS) };
  if (roll < 0.98) return { wish: 'remove-host', host: pick(random, HOSTS) };
  return registerHost(pick(random, HOSTS), { underlayMtu: pick(random, [1500, 1400, 100]) });
}

/** What must be true of the records, whatever was wished. Gives what is not. */
function violations(snapshot: SnapshotView): string[] {
  const found: string[] = [];
  const once = () => {
    const seen = new Set<string>();
    return (what: string) => {
      if (seen.has(what)) found.push(`twice ${what}`);
      seen.add(what);
    };
  };
  const [hostOnce, networkOnce, endpointOnce] = [once(), once(), once()];
  for (const host of snapshot.hosts.values()) {
    hostOnce(`name ${foldName(host.name)}`);
    for (const ip of host.underlay) hostOnce(`VTEP ${ip}`);
  }
  for (const network of snapshot.networks.values()) {
    networkOnce(`name ${foldName(network.name)}`);
    networkOnce(`VNI ${network.vni}`);
    const blocks = [...snapshot.inNetwork(network.id).blocks.values()];
    blocks.forEach((block, i) => {
      if (!network.subnets.some(({ cidr }) => cidrContains(cidr, ipOf(block.cidr))))
        found.push(`stray ${block.cidr}`);
      for (const other of blocks.slice(i + 1))
        if (cidrsOverlap(block.cidr, other.cidr)) found.push(`blocks ${block.cidr} and ${other.cidr}`);
    });
  }
  for (const block of snapshot.blocks.values())
    if ((!block.retired && !snapshot.hosts.has(block.host)) || !snapshot.networks.has(block.network))
      found.push(`lost ${block.cidr}`);
  for (const endpoint of snapshot.endpoints.values()) {
    const { network, host, containerId, mac, addresses } = endpoint;
    const subnets = snapshot.networks.get(network)?.subnets ?? [];
    if (!snapshot.hosts.has(host) || addresses.length !== subnets.length) found.push(`lost ${endpoint.name}`);
    endpointOnce(`MAC ${network} ${mac}`);
    endpointOnce(`container ${network} ${host} ${containerId}`);
    endpointOnce(`interface ${host} ${containerId} ${endpoint.interface}`);
    addresses.forEach((ip, i) => {
      endpointOnce(`address ${network} ${ip}`);
      const wrong = unusable(subnets[i]!, ip);
      if (wrong) found.push(`${ip} ${wrong}`);
      for (const { cidr } of subnets)
        if (cidrContains(cidr, ip)) endpointOnce(`route ${host} ${containerId} ${cidr}`);
    });
  }
  return found;
}

it.each(Array.from({ length: 12 }, (_, i) => i + 1))(
  'after any wishes the records are sound (seed %s)',
  (seed) => {
    const random = seededRandom(seed);
    const it = new World(seed);
    for (const name of HOSTS) it.host(name);
    const tally = { admitted: 0, rejected: 0, exhausted: 0 };
    for (let i = 0; i < 400; i++) {
      const wish = randomWish(random, it.snapshot);
      const answer = it.try(wish);
      if (!isRejection(answer)) tally.admitted++;
      else {
        tally.rejected++;
        if (answer.reason === 'exhausted') tally.exhausted++;
        expect(answer.faults.every((each) => each.field && each.problem && each.fix)).toBe(true);
      }
      expect([i, wish, violations(it.snapshot)]).toEqual([i, wish, []]);
      expect([i, wish, auditAddresses(it.snapshot)]).toEqual([i, wish, []]);
      if (isRejection(answer) || /^(create|remove|evict)/.test(wish.wish)) continue;
      // What is so already needs no change; a host that registers again does so with the id it was given.
      const again = wish.wish === 'register-host' ? { ...wish, id: answer.subject!.id } : wish;
      expect([again, it.ask(again)]).toMatchObject([again, { outcome: 'admitted', changes: [] }]);
    }
    // The wishes were worth it: neither all refused nor all granted.
    expect(tally.admitted).toBeGreaterThan(80);
    expect(tally.rejected).toBeGreaterThan(80);
  },
);

it('the same seed gives the same records', () => {
  const records = () => {
    const random = seededRandom(7);
    const it = new World(7);
    for (const [i, name] of HOSTS.entries()) it.host(name, { underlay: [`198.51.100.${i}`] });
    for (let i = 0; i < 200; i++) {
      const wish = randomWish(random, it.snapshot);
      if (wish.wish !== 'register-host') it.try(wish);
    }
    return [...it.snapshot.records()];
  };
  expect(records()).toEqual(records());
});
