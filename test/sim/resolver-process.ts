import { sandboxesOf } from '#agent/names.ts';
import type { Sandbox } from '#api/names-feed.ts';
import type { Id } from '#model/id.ts';
import type { Endpoint, Network, Revision } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { AgentProcess } from './agent-process.ts';
import { textOf } from './ledger.ts';
import type { Machine } from './machine.ts';
import type { Random } from './random.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** What a host's resolver answers from, as its agents tell it. It outlives them, and is killed itself. */
export class ResolverProcess {
  revision: Revision = 0;
  endpoints = new Map<Id, Endpoint>();
  networks = new Map<Id, Network>();
  sandboxes: readonly Sandbox[] = [];
  isCurrent = false;

  tellNames(world: World, machine: Machine, view: SnapshotView, ids: readonly Id[] | 'all'): void {
    const before = this.endpoints;
    this.endpoints = new Map(ids === 'all' ? [] : before);
    if (ids === 'all') this.networks.clear();
    for (const id of ids === 'all' ? [...view.networks.keys(), ...idsOf(view)] : ids) {
      set(this.networks, id, view.networks.get(id));
      set(this.endpoints, id, view.endpoints.get(id));
    }
    this.revision = ids === 'all' ? view.revision : Math.max(this.revision, view.revision);
    const { head } = world.store;
    for (const [id, endpoint] of before) {
      const { network, host } = endpoint;
      const isAskedFor =
        this.sandboxes.some(({ networks }) => networks.includes(network)) &&
        head.inNetwork(network).endpointCount.has(machine.id);
      // A network that was left goes whole; that it is joined again is heard later.
      const isLeft = view.revision < head.revision && view.inNetwork(network).endpoints.size === 0;
      if (isLeft) continue;
      // Nor is it in the backup that the store was restored from; it is told again.
      if (world.store.restores > 0 && !world.store.at(view.revision)?.endpoints.has(id)) continue;
      if (isAskedFor && !this.endpoints.has(id) && head.endpoints.has(id) && host !== machine.id)
        throw new Violation('a live name is not lost', `${machine.name}: ${textOf(endpoint)}`);
    }
  }

  /** Some time after the last fault. */
  check({ store: { head } }: World, { name, agent }: Machine): void {
    const wanted = agent ? sandboxesOf(agent.state) : [];
    const differ = (what: string) => {
      throw new Violation('the resolver knows what its agent knows', `${name}: ${what}`);
    };
    if (!this.isCurrent) differ('it is not current');
    if (JSON.stringify(this.sandboxes) !== JSON.stringify(wanted)) differ('other sandboxes');
    for (const id of new Set(wanted.flatMap(({ networks }) => networks))) {
      if (this.networks.get(id)?.name !== head.networks.get(id)?.name) differ(`network ${id}`);
      const known = textsOf([...this.endpoints.values()].filter(({ network }) => network === id));
      const there = textsOf([...head.inNetwork(id).endpoints.values()]);
      if (known !== there) differ(`names of ${id}: ${known}; there are ${there}`);
    }
  }
}

/** As agent/resolver-link.ts finds or starts it. */
export function callResolver(world: World, machine: Machine, agent: AgentProcess): void {
  const random: Random = machine.resolverRandom;
  world.timeline.after(random.between(1, 150), () => {
    if (!agent.isAlive) return;
    machine.resolver ??= new ResolverProcess();
    const { resolver } = machine;
    agent.dispatch({ event: 'resolver-came', revision: resolver.revision });
    if (random.chance(0.3) && world.timeline.nowMs < world.calmAtMs)
      world.timeline.after(random.between(10, 5_000), () => killResolver(world, machine, resolver));
  });
}

function killResolver(world: World, machine: Machine, resolver: ResolverProcess): void {
  if (machine.resolver !== resolver) return;
  world.count('resolver killed');
  machine.resolver = undefined;
  machine.agent?.dispatch({ event: 'resolver-gone' });
}

const textsOf = (endpoints: readonly Endpoint[]): string => endpoints.map(textOf).sort().join(', ');

const idsOf = (view: SnapshotView): Id[] =>
  [...view.networks.keys()].flatMap((id) => [...view.inNetwork(id).endpoints.keys()]);

function set<V>(map: Map<Id, V>, id: Id, value: V | undefined): void {
  if (value) map.set(id, value);
  else map.delete(id);
}
