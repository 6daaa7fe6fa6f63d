import { fault, isRejection, type Rejection } from '#model/fault.ts';
import { remove } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { UnpublishPort } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';
import { complete, noFaults } from './faults.ts';
import { findEndpoint } from './find-endpoint.ts';
import { describeEndpoint } from './find-record.ts';
import { listSome } from './list-some.ts';
import { formatMapping, publicationsOf } from './publications.ts';
import { readMapping } from './read-mapping.ts';

const NOTHING = 'there is nothing to take back';

/** The host's port is its own again. */
export function unpublishPort(wish: UnpublishPort, snapshot: SnapshotView): Admitted | Rejection {
  const faults = noFaults();
  const endpoint = findEndpoint(faults, snapshot, wish.endpoint, wish.network);
  const mapping = wish.mapping === '' ? undefined : readMapping(faults, wish.mapping);
  const text = mapping && formatMapping(mapping);
  const all = endpoint ? publicationsOf(snapshot, endpoint) : [];
  const meant = all.filter((each) => wish.mapping === '' || formatMapping(each) === text);
  if (endpoint && wish.mapping === '' && all.length === 0)
    faults.absent.push(fault('endpoint', wish.endpoint, 'has no published port', NOTHING));
  if (endpoint && mapping && meant.length === 0) {
    const known = `published are ${listSome(all.map(formatMapping))}`;
    const fix = all.length > 0 ? known : `none of its ports is: ${NOTHING}`;
    const problem = `is not published for ${describeEndpoint(snapshot, endpoint)}`;
    faults.absent.push(fault('port', wish.mapping, problem, fix));
  }
  const found = complete(faults, { endpoint });
  if (isRejection(found)) return found;
  return admitted(meant.map(remove), meant.length === 1 ? meant[0] : undefined);
}
