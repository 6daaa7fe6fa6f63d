import type { Id } from '#model/id.ts';
import type { Change } from '#model/records.ts';
import { Snapshot, type SnapshotView } from '#model/snapshot.ts';
import { type Admitted, admitted } from './admitted.ts';
import { auditAddresses } from './audit-addresses.ts';

/**
 * All that an audit can put right without a decision, and what comes to light by that: an exception, say, that a lost
 * endpoint held. Idempotent. What takes a decision stays as it is.
 */
export function repairAddresses(snapshot: SnapshotView): Admitted {
  const after = new Snapshot(snapshot.records(), snapshot.revision);
  const changes = new Map<Id, Change>();
  for (let round = repairsOf(after); round.size > 0; round = repairsOf(after)) {
    after.apply(round.values(), after.revision);
    for (const [id, change] of round) changes.set(id, change);
  }
  return admitted([...changes.values()]);
}

/** One change a record: a second finding about it is looked at anew, in the next round. */
function repairsOf(snapshot: SnapshotView): Map<Id, Change> {
  const changes = new Map<Id, Change>();
  for (const change of auditAddresses(snapshot).flatMap((finding) => finding.changes)) {
    const { id } = change.verb === 'put' ? change.record : change.ref;
    if (!changes.has(id)) changes.set(id, change);
  }
  return changes;
}
