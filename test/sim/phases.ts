import type { Id } from '#model/id.ts';
import type { Revision } from '#model/records.ts';
import type { Snapshot } from '#model/snapshot.ts';
import type { Batch } from '#store/store.ts';
import type { Machine } from './machine.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** controller/drive-changes.ts: so long a host that is away is waited for. */
const AWAY_LIMIT_MS = 10_000;

/** A change of a network goes on before its time only when every host has taken the phase. */
export class Phases {
  readonly #began = new Map<Id, { readonly since: Revision; readonly atMs: number }>();
  /** By network: hosts that an earlier phase of its change did not wait for any longer. */
  readonly #left = new Map<Id, Set<Machine>>();

  check(
    { machines, timeline, count, store, controller }: World,
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
      if (was && began?.since === was.since) {
        // Who came since then has made its devices as the phase wants them.
        const members = [store.at(was.since)!, before].map((each) => each.inNetwork(id).endpointCount);
        const behind = machines.filter(
          (machine) => members.every((those) => those.has(machine.id)) && machine.applied < was.since,
        );
        const afterMs = timeline.nowMs - began.atMs;
        this.#judge(id, behind, afterMs);
        if (afterMs >= AWAY_LIMIT_MS) this.#leave(id, machines, controller.state?.sessions.values() ?? []);
      }
      if (!is) this.#left.delete(id);
    }
  }

  /** The store was restored from a backup. */
  forget(): void {
    this.#began.clear();
    this.#left.clear();
  }

  /** Of who is not there, a controller that has just begun does not know what it has taken. */
  #leave(network: Id, machines: readonly Machine[], sessions: Iterable<{ readonly host: Id }>): void {
    const following = new Set([...sessions].map(({ host }) => host));
    for (const machine of machines) if (!following.has(machine.id)) this.#left.get(network)!.add(machine);
  }

  #judge(network: Id, behind: readonly Machine[], afterMs: number): void {
    const left = this.#left.get(network) ?? new Set();
    this.#left.set(network, left);
    for (const machine of behind) {
      if (afterMs < AWAY_LIMIT_MS && !left.has(machine))
        throw new Violation('no phase begins before every host has taken the last one', machine.name);
      left.add(machine);
    }
  }
}
