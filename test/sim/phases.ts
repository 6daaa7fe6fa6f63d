import type { Id } from '#model/id.ts';
import type { Revision } from '#model/records.ts';
import type { Snapshot } from '#model/snapshot.ts';
import type { Batch } from '#store/store.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** controller/drive-changes.ts: so long a host that is away is waited for. */
const AWAY_LIMIT_MS = 10_000;

/** A change of a network goes on before its time only when every host has taken the phase. */
export class Phases {
  readonly #began = new Map<Id, { readonly since: Revision; readonly atMs: number }>();

  check(
    { machines, timeline, count, store }: World,
    before: Snapshot,
    { changes }: Batch,
    after: Snapshot,
  ): void {
    for (const change of changes) {
      if (change.verb === 'delete' || change.record.kind !== 'network') continue;
      const { id } = change.record;
      const [was, is] = [before.networks.get(id)?.change, after.networks.get(id)?.change];
      if (was?.since === is?.since) continue;
      const began = this.#began.get(id);
      if (is) this.#began.set(id, { since: is.since, atMs: timeline.nowMs });
      count(is ? `phase ${is.phase}` : 'changed');
      if (!was || began?.since !== was.since || timeline.nowMs - began.atMs >= AWAY_LIMIT_MS) continue;
      // Who came since then has made its devices as the phase wants them.
      const members = [store.at(was.since)!, before].map((each) => each.inNetwork(id).endpointCount);
      for (const machine of machines)
        if (members.every((those) => those.has(machine.id)) && machine.applied < was.since)
          throw new Violation(
            'no phase begins before every host has taken the last one',
            `${machine.name} is at ${machine.applied}, ${was.phase} began at ${was.since}`,
          );
    }
  }
}
