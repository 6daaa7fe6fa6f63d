import { cidrContains, cidrFamily, cidrSize, ipOf } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import { type Ip, ipToNumber } from '#model/ip.ts';
import type { Block, Endpoint, Host, Subnet } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { usableIn } from './usable-addresses.ts';

/** Whether it still is somebody's to give from; a retired block rests until all peers have applied that. */
export const isInUse = ({ retired }: Block): boolean => retired === 0;

/** Whether the host may give from it: it was not taken away, nor given back. */
export const ownsBlock = ({ id, epoch }: Host, block: Block): boolean =>
  block.host === id && block.epoch === epoch && isInUse(block);

/** Those that the host may give from, of one network or all. */
export const ownedBy = (host: Host, blocks: ReadonlyMap<Id, Block>): Block[] =>
  [...blocks.values()].filter((block) => ownsBlock(host, block));

/** Whether an address of an endpoint's network is in a block that the host may give from. */
export const ownsAddress = (snapshot: SnapshotView, { network }: Endpoint, host: Host, ip: Ip): boolean =>
  ownedBy(host, snapshot.inNetwork(network).blocks).some(({ cidr }) => cidrContains(cidr, ip));

/** The host's own in a subnet, lowest first. */
export function ownBlocks(blocks: Iterable<Block>, subnet: Subnet, host: Host): Block[] {
  const own: Block[] = [];
  const family = cidrFamily(subnet.cidr);
  const begin = ipToNumber(ipOf(subnet.cidr));
  const end = begin + cidrSize(subnet.cidr);
  for (const block of blocks)
    if (ownsBlock(host, block) && cidrFamily(block.cidr) === family) {
      const first = firstOf(block);
      if (first >= begin && first < end) own.push(block);
    }
  return own.sort((a, b) => (firstOf(a) < firstOf(b) ? -1 : 1));
}

/** Asked for with each attach, of each block. */
const firsts = new WeakMap<Block, bigint>();

function firstOf(block: Block): bigint {
  const known = firsts.get(block);
  if (known !== undefined) return known;
  const first = ipToNumber(ipOf(block.cidr));
  firsts.set(block, first);
  return first;
}

/** As far as somebody has asked. */
const usable = new WeakMap<Block, { readonly known: Ip[]; readonly others: Iterator<Ip> }>();

/** Which address an endpoint may have is at that place of a block, lowest first, whoever has it; undefined past the last. */
export function usableAt(place: number, block: Block, subnet: Subnet): Ip | undefined {
  const addresses = usable.get(block) ?? { known: [], others: usableIn(subnet, block.cidr) };
  const { known, others } = addresses;
  if (known.length === 0) usable.set(block, addresses);
  while (known.length <= place) {
    const { value, done } = others.next();
    if (done) return undefined;
    known.push(value);
  }
  return known[place];
}
