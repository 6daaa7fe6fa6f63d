import { put } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { PublishStations } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';

/** Who is behind an adopted bridge now. Idempotent. Of one that is disowned meanwhile it changes nothing. */
export function publishStations(
  { adoption: id, stations }: PublishStations,
  snapshot: SnapshotView,
): Admitted {
  const adoption = snapshot.adoptions.get(id);
  if (!adoption || JSON.stringify(adoption.stations) === JSON.stringify(stations))
    return admitted([], adoption);
  const news = { ...adoption, stations };
  return admitted([put(news)], news);
}
