import { addressAt, type Cidr, cidrContains, cidrFamily, cidrSize, ipOf } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Block, Endpoint, Host } from '#model/records.ts';
import type { NetworkRecords, SnapshotView } from '#model/snapshot.ts';
import { isInUse } from './own-blocks.ts';

/*
 * A host gives from its block without asking anybody, except the addresses that the controller granted singly to
 * others: `Block.except`. One is made before the grant, or with the block, and goes with the endpoint that held it.
 */

/** The blocks in use as they are once those endpoints are gone: what only they held is the owner's again. */
export function giveBack(
  snapshot: SnapshotView,
  endpoints: readonly Pick<Endpoint, 'network' | 'addresses'>[],
): Block[] {
  const freed = new Map<Id, Set<Ip>>();
  for (const { network, addresses } of endpoints) {
    const ips = freed.get(network) ?? new Set<Ip>();
    for (const ip of addresses) ips.add(ip);
    freed.set(network, ips);
  }
  return [...freed].flatMap(([network, ips]) =>
    [...snapshot.inNetwork(network).blocks.values()].flatMap((block) => {
      const except = block.except.filter((ip) => !ips.has(ip));
      return isInUse(block) && except.length < block.except.length ? [{ ...block, except }] : [];
    }),
  );
}

/** Addresses that are to be an endpoint's, taken out of the blocks of other hosts that could give them. */
export function takeOut({ network, host, addresses }: Endpoint, snapshot: SnapshotView): Block[] {
  return [...snapshot.inNetwork(network).blocks.values()].flatMap((block) => {
    if (block.host === host || !isInUse(block) || snapshot.hosts.get(block.host)?.epoch !== block.epoch)
      return [];
    const taken = addresses.filter((ip) => cidrContains(block.cidr, ip) && !block.except.includes(ip));
    return taken.length > 0 ? [{ ...block, except: [...block.except, ...taken] }] : [];
  });
}

/** What others hold in a range that is to be the host's block. Costs O(range), or O(endpoints) where that is less. */
export function heldByOthers(range: Cidr, host: Host, records: NetworkRecords): Ip[] {
  const { endpoints, endpointByIp } = records;
  const isOthers = (ip: Ip): boolean => {
    const holder = endpointByIp.get(ip);
    return holder !== undefined && endpoints.get(holder)!.host !== host.id;
  };
  if (cidrSize(range) > endpoints.size)
    return [...endpointByIp.keys()].filter(within(range)).filter(isOthers);
  return Array.from({ length: Number(cidrSize(range)) }, (_, i) => addressAt(range, BigInt(i))).filter(
    isOthers,
  );
}

/**
 * Whether an address is in the range. Of 100,000 IPv6 addresses nearly all are told apart by text: blocks are /112
 * or smaller, and addresses that differ in the last group alone have all before it in common (but the lowest of the
 * /112, `fd00::1:0`, which may be shortened otherwise).
 */
function within(range: Cidr): (ip: Ip) => boolean {
  if (cidrFamily(range) === 4) return (ip) => cidrContains(range, ip);
  const first = ipOf(range);
  const last = addressAt(range, cidrSize(range) - 1n);
  const beginning = last.slice(0, last.lastIndexOf(':') + 1);
  return (ip) =>
    ip === first ||
    (ip.startsWith(beginning) && !ip.includes(':', beginning.length) && cidrContains(range, ip));
}
