import { fault, isRejection, type Rejection } from '#model/fault.ts';
import { type Host, put, remove } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { RemoveHost } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';
import { complete, noFaults } from './faults.ts';
import { findHost } from './find-record.ts';
import { listSome } from './list-some.ts';
import { isInUse } from './own-blocks.ts';

/**
 * Deletes the host; refused while it has endpoints or adopted bridges. Its blocks retire: they are free once all peers have taken note
 * that their addresses are nobody's. The absent is a rejection.
 */
export function removeHost(wish: RemoveHost, snapshot: SnapshotView): Admitted | Rejection {
  const faults = noFaults();
  const host = findHost(faults, snapshot, wish.host);
  const attached = host ? describeAttachments(snapshot, host) : [];
  if (attached.length > 0) {
    const fix = `detach or disown them first or, if that host is gone, run \`weft host evict ${host!.name}\``;
    faults.conflict.push(
      fault('host', wish.host, `still has endpoints or adopted bridges in ${listSome(attached)}`, fix),
    );
  }
  const found = complete(faults, { host });
  if (isRejection(found)) return found;
  const retired = snapshot.revision + 1;
  const blocks = [...snapshot.blocks.values()].filter(
    (block) => block.host === found.host.id && isInUse(block),
  );
  return admitted([...blocks.map((block) => put({ ...block, retired })), remove(found.host)], found.host);
}

/** `network red (3)` for each network that the host has endpoints in. */
function describeAttachments(snapshot: SnapshotView, host: Host): string[] {
  return [...snapshot.networks.values()].flatMap((network) => {
    const count = snapshot.inNetwork(network.id).endpointCount.get(host.id);
    return count ? [`network ${network.name} (${count})`] : [];
  });
}
