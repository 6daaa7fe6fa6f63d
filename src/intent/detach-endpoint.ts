import { isRejection, type Rejection, take } from '#model/fault.ts';
import { parseId } from '#model/id.ts';
import type { Notice } from '#model/notice.ts';
import { type Endpoint, put, remove } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { DetachEndpoint } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';
import { giveBack } from './exceptions.ts';
import { complete, noFaults } from './faults.ts';
import { publicationsOf } from './publications.ts';
import { readWholeNumber } from './read-field.ts';

/**
 * Deletes the endpoint, unless it has been moved or made anew since the generation that was meant. Idempotent: the
 * absent and the newer need no change. The host keeps the block.
 */
export function detachEndpoint(wish: DetachEndpoint, snapshot: SnapshotView): Admitted | Rejection {
  const faults = noFaults();
  const meant = complete(faults, {
    id: take(faults.invalid, 'endpoint', wish.endpoint, parseId(wish.endpoint)),
    generation: readWholeNumber(faults, 'generation', wish.generation, 1, Number.MAX_SAFE_INTEGER),
  });
  if (isRejection(meant)) return meant;
  const endpoint = snapshot.endpoints.get(meant.id);
  if (!endpoint) return admitted([]);
  return endpoint.generation > meant.generation
    ? admitted([], endpoint, [noticeOfNewer(endpoint, meant.generation)])
    : admitted(
        [
          remove(endpoint),
          ...publicationsOf(snapshot, endpoint).map(remove),
          ...giveBack(snapshot, [endpoint]).map(put),
        ],
        endpoint,
      );
}

const noticeOfNewer = (endpoint: Endpoint, generation: number): Notice => ({
  code: 'newer-endpoint-kept',
  title: 'The endpoint stays',
  sentence: `Endpoint ${endpoint.name} has generation ${endpoint.generation} by now; generation ${generation} was to go.`,
  next: 'Detach it again if the newer one should go too.',
});
