import { type Cidr, cidrFamily, cidrSize, ipOf } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import { type Family, familyOf, type Ip, ipToNumber } from '#model/ip.ts';
import type { Block, Host, Subnet } from '#model/records.ts';
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

/** The one that the host may give that address from, if any; its exceptions are not looked at. */
export function ownBlockWith(ip: Ip, network: Id, host: Host, snapshot: SnapshotView): Block | undefined {
  const [family, number] = [familyOf(ip), ipToNumber(ip)];
  for (const block of snapshot.inNetwork(network).blocks.values()) {
    const range = rangeOf(block);
    const isInside = range.family === family && range.first <= number && number < range.end;
    if (isInside && ownsBlock(host, block)) return block;
  }
  return undefined;
}

/** The host's own in a subnet, lowest first. */
export function ownBlocks(blocks: Iterable<Block>, subnet: Subnet, host: Host): Block[] {
  const own: Block[] = [];
  const within = readRange(subnet.cidr);
  for (const block of blocks) {
    if (!ownsBlock(host, block)) continue;
    const { family, first } = rangeOf(block);
    if (family === within.family && first >= within.first && first < within.end) own.push(block);
  }
  return own.sort((a, b) => (rangeOf(a).first < rangeOf(b).first ? -1 : 1));
}

interface Range {
  readonly family: Family;
  readonly first: bigint;
  /** The first behind it. */
  readonly end: bigint;
}

function readRange(cidr: Cidr): Range {
  const first = ipToNumber(ipOf(cidr));
  return { family: cidrFamily(cidr), first, end: first + cidrSize(cidr) };
}

/** Asked for with each attach, of each block. */
const ranges = new WeakMap<Block, Range>();

function rangeOf(block: Block): Range {
  const known = ranges.get(block);
  if (known) return known;
  const range = readRange(block.cidr);
  ranges.set(block, range);
  return range;
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
