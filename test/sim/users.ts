import type { DetachAsk } from '#agent/event.ts';
import { isRejection } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import type { Outcome } from './agent-process.ts';
import { checkDurable } from './durable.ts';
import type { Machine } from './machine.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** One container in one network, as its runtime sees it. */
export interface Slot {
  readonly machine: Machine;
  readonly path: string;
  readonly network: string;
  wants: 'attached' | 'detached' | 'nothing';
  /** Requests that have not been answered. */
  pending: number;
  /** Raised by each request: what was to be tried again before it is no longer. */
  round: number;
  /** Raised when the container leaves: an attach that was asked for before promises nothing. */
  departures: number;
  /** Which it is, as far as its users know. */
  endpoint?: Id;
  /** What the ledger has of it. */
  promised?: Id;
  /** How the last request ended; `unknown` when the agent was killed under it. */
  last: 'attached' | 'detached' | 'refused' | 'unknown' | 'none';
}

/** What counts when an attach is answered. */
interface Asked {
  readonly departures: number;
  readonly epoch: number | undefined;
  readonly namespace: NamespaceRef;
  readonly addresses: readonly string[];
}

/** The runtimes and people that ask agents for things, and what they do when the answer is not what they hoped for. */
export class Users {
  readonly slots = new Map<string, Slot>();
  readonly #world: World;
  readonly #random: Random;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  slot(machine: Machine, path: string, network: string): Slot {
    const key = `${machine.name} ${path} ${network}`;
    const known = this.slots.get(key);
    if (known) return known;
    const slot: Slot = {
      machine,
      path,
      network,
      wants: 'nothing',
      pending: 0,
      round: 0,
      departures: 0,
      last: 'none',
    };
    this.slots.set(key, slot);
    return slot;
  }

  /** Starts the container if need be. */
  attach(slot: Slot, addresses: readonly string[] = []): void {
    slot.wants = 'attached';
    slot.round++;
    const { machine, path, network } = slot;
    if (!machine.agent) {
      this.#again(slot, addresses);
      return;
    }
    const namespace = machine.startContainer(path);
    const containerId = path.replace('/run/netns/', '');
    const words = { network, containerId, name: containerId, aliases: [], addresses };
    const asked = { departures: slot.departures, epoch: this.#knownEpoch(machine), namespace, addresses };
    slot.pending++;
    this.#world.note(machine.name, () => `${path} asks to join ${network} ${addresses}`);
    machine.agent.attach({ words, namespace }, (outcome) => {
      slot.pending--;
      this.#world.note(machine.name, () => `${path} ${network}: ${describe(outcome)}`);
      this.#endAttach(slot, asked, outcome);
    });
  }

  detach(slot: Slot, by: 'id' | 'name' | 'path'): void {
    const { machine, path, network } = slot;
    const id = slot.endpoint;
    const ask: DetachAsk =
      by === 'path'
        ? { namespacePath: path }
        : by === 'id' && id
          ? { endpoint: id }
          : { endpoint: path.replace('/run/netns/', ''), network };
    const slots = by === 'path' ? this.#slotsAt(machine, path) : [slot];
    for (const each of slots) {
      each.wants = 'detached';
      each.round++;
      each.departures++;
      if (each.promised) this.#world.ledger.end(each.promised);
    }
    this.#world.note(machine.name, () => `${path} asks to leave ${JSON.stringify(ask)}`);
    this.#askToDetach(slots, ask);
  }

  /** Its namespace vanishes. Mostly its runtime then says so, sometimes nobody ever does. */
  endContainer(machine: Machine, path: string): void {
    this.#world.note(machine.name, () => `container ${path} ends`);
    this.#world.ledger.endAt(machine, path);
    machine.endContainer(path);
    const slots = this.#slotsAt(machine, path);
    for (const slot of slots) {
      slot.round++;
      slot.departures++;
    }
    const [first] = slots;
    if (first && this.#random.chance(0.75)) this.#soon(() => this.detach(first, 'path'));
    else for (const slot of slots) slot.wants = 'nothing';
  }

  /** All containers of a machine are gone; their runtime starts again those that were running. */
  reboot(machine: Machine): void {
    this.#world.ledger.endAt(machine);
    machine.reboot();
    for (const slot of this.slots.values()) {
      if (slot.machine !== machine) continue;
      slot.round++;
      slot.departures++;
      if (slot.wants === 'attached' && this.#random.chance(0.7)) this.#again(slot, []);
    }
  }

  #slotsAt(machine: Machine, path: string): Slot[] {
    return [...this.slots.values()].filter((slot) => slot.machine === machine && slot.path === path);
  }

  #askToDetach(slots: readonly Slot[], ask: DetachAsk): void {
    const { machine } = slots[0]!;
    // What was asked for since then, for the same container, must not be undone by asking again.
    const roundsNow = () => this.#slotsAt(machine, slots[0]!.path).reduce((sum, { round }) => sum + round, 0);
    const rounds = roundsNow();
    const isCurrent = () => roundsNow() === rounds;
    const askAgain = () => this.#soon(() => isCurrent() && this.#askToDetach(slots, ask));
    if (!machine.agent) {
      askAgain();
      return;
    }
    for (const slot of slots) slot.pending++;
    machine.agent.detach(ask, (outcome) => {
      for (const slot of slots) slot.pending--;
      this.#world.note(machine.name, () => `${JSON.stringify(ask)}: ${describe(outcome)}`);
      const isDone = outcome !== 'lost' && !(isRejection(outcome) && outcome.reason !== 'absent');
      if (!isDone) {
        for (const slot of slots) slot.last = 'unknown';
        askAgain();
      }
      if (!isDone || !isCurrent()) return;
      for (const slot of slots) {
        slot.last = 'detached';
        slot.endpoint = undefined;
      }
    });
  }

  #endAttach(slot: Slot, asked: Asked, outcome: Outcome): void {
    const isCurrent = asked.departures === slot.departures;
    const { addresses } = asked;
    if (outcome === 'lost') {
      if (slot.last !== 'attached') slot.last = 'unknown';
      slot.endpoint = undefined;
      if (!isCurrent) return;
      if (this.#random.chance(0.6)) this.#again(slot, addresses);
      else if (this.#random.chance(0.5)) this.detach(slot, this.#random.pick(['name', 'path']));
      else slot.wants = 'nothing';
    } else if (isRejection(outcome)) {
      if (!isCurrent) return;
      // An attach that was overtaken by a detach stands, as its users learn now.
      if (outcome.faults.some(({ problem }) => problem.includes('already as endpoint')))
        slot.last = 'unknown';
      if (slot.last === 'none' || slot.last === 'detached') slot.last = 'refused';
      if (outcome.reason === 'unavailable' && this.#random.chance(0.7)) this.#again(slot, addresses);
      else slot.wants = 'nothing';
    } else if (outcome.answer === 'attached') this.#promise(slot, isCurrent, asked, outcome);
  }

  #promise(
    slot: Slot,
    isCurrent: boolean,
    { namespace, epoch }: Asked,
    { endpoint }: Extract<Outcome, { answer: 'attached' }>,
  ): void {
    slot.endpoint = endpoint.id;
    this.#world.count('attached');
    // Somebody asked for the opposite meanwhile: what counts is said once more.
    if (!isCurrent) {
      slot.last = 'unknown';
      this.#soon(() => {
        if (slot.wants === 'detached') this.detach(slot, 'id');
      });
      return;
    }
    checkDurable(slot.machine, endpoint);
    // The network may have gone while the host was away, or the host's blocks: such a promise is taken back once it
    // is heard.
    const { head } = this.#world.store;
    const isKept = head.networks.has(endpoint.network) && epoch === head.hosts.get(endpoint.host)?.epoch;
    slot.last = isKept ? 'attached' : 'unknown';
    slot.promised = endpoint.id;
    const { machine } = slot;
    const place = `${machine.bootId} ${namespace.path} ${namespace.cookie}`;
    if (isKept) this.#world.ledger.begin({ endpoint, machine, place, path: namespace.path });
  }

  /** Of the host, as its agent has heard. */
  #knownEpoch({ agent, id }: Machine): number | undefined {
    return (agent?.state.view.hosts.get(id) ?? this.#world.store.head.hosts.get(id))?.epoch;
  }

  #again(slot: Slot, addresses: readonly string[]): void {
    const { round } = slot;
    this.#soon(() => {
      if (slot.round === round && slot.wants === 'attached') this.attach(slot, addresses);
    });
  }

  #soon(run: () => void): void {
    this.#world.timeline.after(this.#random.between(100, 2_000), run);
  }
}

const describe = (outcome: Outcome): string => {
  if (outcome === 'lost') return 'lost';
  if (isRejection(outcome))
    return `${outcome.reason}: ${outcome.faults.map(({ problem }) => problem).join('; ')}`;
  return outcome.answer === 'attached'
    ? `attached ${outcome.endpoint.id} ${outcome.endpoint.addresses}`
    : outcome.answer;
};
