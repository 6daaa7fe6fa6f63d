import type { ReportedStatus } from '#api/gen/weft/v1/controller_pb.ts';
import type { Block } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';

/** Whether the block's host gives from it; if not, what that waits for. */
export function describeBlock(
  block: Block,
  snapshot: SnapshotView,
  reported: readonly ReportedStatus[],
): string {
  const owner = snapshot.hosts.get(block.host);
  if (block.retired === 0)
    return owner?.epoch === block.epoch ? 'in use' : `of epoch ${block.epoch}: see weft ipam audit`;
  const applied = new Map(reported.map(({ status }) => [status?.host, Number(status?.appliedRevision)]));
  const behind = [...snapshot.inNetwork(block.network).endpointCount.keys()]
    .filter((host) => (applied.get(host) ?? 0) < block.retired)
    .map((host) => snapshot.hosts.get(host)?.name ?? host);
  if (behind.length === 0) return 'resting, free in a moment';
  const have = behind.length === 1 ? 'has' : 'have';
  return `resting until ${behind.sort().join(', ')} ${have} applied revision ${block.retired}`;
}
