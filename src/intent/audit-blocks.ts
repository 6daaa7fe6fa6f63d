import { cidrContains, cidrsOverlap, ipOf, prefixLengthOf } from '#model/cidr.ts';
import { type Block, type Network, put, remove } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { sortBlocks } from './block-use.ts';
import { explained, type Finding, nameOf, repairable } from './finding.ts';
import { listSome } from './list-some.ts';
import { isInUse } from './own-blocks.ts';
import { isTaken } from './peer-endpoints.ts';

/** What is wrong with the blocks. One that rests is nobody's: it may outlive its host. */
export function auditBlocks(snapshot: SnapshotView): Finding[] {
  const lost = [...snapshot.blocks.values()].flatMap((block) => lostBlock(block, snapshot) ?? []);
  const found = [...snapshot.networks.values()].flatMap((network) => {
    const blocks = sortBlocks(snapshot.inNetwork(network.id).blocks.values());
    const owned = blocks.filter((block) => isInUse(block) && snapshot.hosts.has(block.host));
    return [
      ...blocks.flatMap((block) => strayBlock(block, network, snapshot) ?? []),
      ...overlapping(blocks, network, snapshot),
      ...owned.flatMap(
        (block) => oldBlock(block, network, snapshot) ?? unheld(block, network, snapshot) ?? [],
      ),
    ];
  });
  return [...lost, ...found];
}

function lostBlock(block: Block, { hosts, networks }: SnapshotView): Finding | undefined {
  const { cidr, host, network } = block;
  const missing = !networks.has(network) ? `network ${network}` : `host ${host}`;
  if (networks.has(network) && (hosts.has(host) || !isInUse(block))) return undefined;
  const sentence = `Block ${cidr} belongs to ${missing}, which is not there.`;
  return repairable('lost-block', sentence, 'delete the block', remove(block));
}

function strayBlock(block: Block, { name, subnets }: Network, snapshot: SnapshotView): Finding | undefined {
  const within = subnets.some(
    ({ cidr }) => cidrContains(cidr, ipOf(block.cidr)) && prefixLengthOf(cidr) <= prefixLengthOf(block.cidr),
  );
  if (within) return undefined;
  const sentence = `Block ${block.cidr} of host ${nameOf(snapshot, block.host)} is in no subnet of network ${name}.`;
  return repairable('stray-block', sentence, 'delete the block: nothing can be given from it', remove(block));
}

/** Two hosts could give one address. Each block is held against the one before it that reaches farthest. */
function overlapping(blocks: readonly Block[], { name }: Network, snapshot: SnapshotView): Finding[] {
  let farthest: Block | undefined;
  return blocks.flatMap((block) => {
    const before = farthest;
    // Of two that overlap, aligned ranges as they are, the first contains the second.
    if (!before || !cidrsOverlap(before.cidr, block.cidr)) farthest = block;
    if (!before || !cidrsOverlap(before.cidr, block.cidr)) return [];
    const [a, b] = [before, block].map(({ cidr, host }) => `${cidr} of host ${nameOf(snapshot, host)}`);
    const sentence = `In network ${name}, blocks ${a} and ${b} overlap: both could give the same addresses.`;
    return [explained('blocks-overlap', sentence, overlapEnd(before, block, snapshot))];
  });
}

function overlapEnd(a: Block, b: Block, snapshot: SnapshotView): string {
  if (!isInUse(a) || !isInUse(b)) return 'wait: the one that rests goes when all hosts have taken note';
  const evict = ({ host }: Block) => `\`weft host evict ${nameOf(snapshot, host)}\``;
  return `decide which host gives its blocks up, and attach its containers again after ${[...new Set([evict(a), evict(b)])].join(' or ')}`;
}

/** Of before an eviction: its host gives from it no more, and nobody else gets it. */
function oldBlock(block: Block, { name }: Network, snapshot: SnapshotView): Finding | undefined {
  const host = snapshot.hosts.get(block.host)!;
  if (block.epoch === host.epoch) return undefined;
  const sentence = `Block ${block.cidr} in network ${name} is of epoch ${block.epoch} of host ${host.name}, which is in epoch ${host.epoch}, and does not rest.`;
  const retired = snapshot.revision + 1;
  return repairable('old-block', sentence, 'let the block rest, then free it', put({ ...block, retired }));
}

function unheld(block: Block, { id, name }: Network, snapshot: SnapshotView): Finding | undefined {
  const records = snapshot.inNetwork(id);
  const held = block.except.filter((ip) => isTaken(records, ip));
  if (held.length === block.except.length) return undefined;
  const idle = block.except.filter((ip) => !isTaken(records, ip));
  const sentence = `Block ${block.cidr} of host ${nameOf(snapshot, block.host)} in network ${name} does without ${listSome(idle)}, which no endpoint has.`;
  const repair = 'give the addresses back to the block';
  return repairable('unheld-exception', sentence, repair, put({ ...block, except: held }));
}
