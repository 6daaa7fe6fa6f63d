import type { DoorAttach, DoorAttached, DoorDescription, DoorNotes, HoldAsk, HostDoor } from '#api/door.ts';
import { rejectionFromError } from '#api/rejection.ts';
import { recordFromWire } from '#api/wire-records.ts';
import { allocateSubnet } from '#intent/allocate-subnet.ts';
import type { Pools } from '#intent/pools.ts';
import { type Cidr, parseCidr } from '#model/cidr.ts';
import { fault, isRejection, type Rejection, reject } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Family, Ip } from '#model/ip.ts';
import type { Notice } from '#model/notice.ts';
import { hostEndName } from '#model/own.ts';
import type { EndpointRuntime, Network } from '#model/records.ts';
import type { CreateNetwork } from '#model/wish.ts';
import { vtepOf } from '#plan/host-view.ts';
import type { Journal } from '#store/journal.ts';
import type { Clients } from '#transport/client.ts';
import { type Attachment, type JournalEntry, keyOfNote, noteKey } from './attachment.ts';
import { attachedAs } from './door-handle.ts';
import type { Engine } from './engine.ts';
import { untold } from './granting.ts';
import { isGone } from './local-endpoints.ts';

/** A runtime waits, and may hold locks meanwhile. */
const CALL_LIMIT_MS = 8_000;

/** What the door is made of. */
export interface DoorParts {
  readonly engine: Engine;
  readonly operator: Clients;
  readonly journal: Journal<JournalEntry>;
}

/** The agent, as a runtime's door sees it (see `HostDoor`): what is decided, the core decides. */
export class AgentDoor implements HostDoor {
  readonly notes: DoorNotes;
  readonly #engine: Engine;
  readonly #operator: Clients;
  /** Attaches under way, by handle: a detach of the same comes after. */
  readonly #attaching = new Map<string, Promise<unknown>>();
  #pools: Pools | undefined;

  constructor({ engine, operator, journal }: DoorParts) {
    this.#engine = engine;
    this.#operator = operator;
    this.notes = notesIn(journal);
    engine.watchNetworks(() => void this.#learnPools());
  }

  get host(): Id {
    return this.#engine.state.host;
  }

  networks(): readonly Network[] {
    return [...this.#engine.state.view.networks.values()];
  }

  watchNetworks(onChange: () => void): () => void {
    return this.#engine.watchNetworks(onChange);
  }

  isConnected(): boolean {
    const { session, confirmed } = this.#engine.state;
    return session.connected && confirmed;
  }

  async createNetwork(words: Omit<CreateNetwork, 'wish'>): Promise<Network | Rejection> {
    const network = await this.#askForNetwork(words, false);
    // Who is told that a name is taken looks at once who has it.
    const awaited = isRejection(network) ? isNameTaken(network) && words.name.toLowerCase() : network.id;
    if (!awaited) return network;
    const isAwaited = ({ id, name }: Network) => id === awaited || name.toLowerCase() === awaited;
    return (await this.#hearOf(isAwaited)) ? network : untold(this.#engine.state, words.name);
  }

  tryNetwork(words: Omit<CreateNetwork, 'wish'>): Promise<Network | Rejection> {
    return this.#askForNetwork(words, true);
  }

  async #askForNetwork(words: Omit<CreateNetwork, 'wish'>, dryRun: boolean): Promise<Network | Rejection> {
    const { subnets, gateways, labels = {} } = words;
    const lists = { subnets: [...subnets], gateways: [...gateways], labels: { ...labels } };
    try {
      const { subject } = await this.#operator.controller.createNetwork(
        { ...words, ...lists, dryRun },
        { timeoutMs: CALL_LIMIT_MS },
      );
      return recordFromWire(subject) as Network;
    } catch (error) {
      return rejectionFromError(error) ?? untold(this.#engine.state, words.name);
    }
  }

  /** Whether the view has such a one, now or in time. */
  #hearOf(isAwaited: (network: Network) => boolean): Promise<boolean> {
    const has = () => this.networks().some(isAwaited);
    return new Promise((resolve) => {
      const end = (heard: boolean) => {
        stop();
        clearTimeout(timer);
        resolve(heard);
      };
      const stop = this.watchNetworks(() => has() && end(true));
      const timer = setTimeout(() => end(false), CALL_LIMIT_MS);
      if (has()) end(true);
    });
  }

  vtepsOf(network: Id): readonly Ip[] {
    const { view } = this.#engine.state;
    const record = view.networks.get(network);
    if (!record) return [];
    const { endpointCount, peers } = view.inNetwork(network);
    const others = [...endpointCount.keys()].filter((id) => id !== this.host);
    const vteps = others.flatMap((id) => {
      const host = view.hosts.get(id);
      return (host && vtepOf(host, record.underlay)) ?? [];
    });
    return [...vteps, ...[...peers.values()].map(({ vtep }) => vtep)];
  }

  freeSubnet(family: Family, except: readonly Cidr[]): Cidr | Rejection {
    if (!this.#pools) return untold(this.#engine.state, 'a new one');
    const cidr = allocateSubnet(family, this.#pools, this.#engine.state.view, except);
    if (cidr) return cidr;
    const problem = 'has no range left that no network has and this host does not route';
    return reject('exhausted', fault('subnet', `pool of IPv${family}`, problem, 'give --subnet'));
  }

  /** They are the controller's to choose; asked for once it is there. */
  async #learnPools(): Promise<void> {
    if (this.#pools || !this.isConnected()) return;
    try {
      const { pools } = await this.#operator.controller.hello({}, { timeoutMs: CALL_LIMIT_MS });
      const [ipv4, ipv6] = [parseCidr(pools?.ipv4 ?? ''), parseCidr(pools?.ipv6 ?? '')];
      if (pools && ipv4.ok && ipv6.ok)
        this.#pools = {
          ipv4: ipv4.value,
          ipv4PrefixLength: pools.ipv4PrefixLength,
          ipv6: ipv6.value,
        };
    } catch {
      // Asked again when something changes.
    }
  }

  async holdAddress(ask: HoldAsk): Promise<Ip | Rejection> {
    const answer = await this.#engine.hold(ask);
    if (isRejection(answer)) return answer;
    if (answer.answer !== 'held') throw new Error(`${answer.answer} answers a hold`);
    return answer.address;
  }

  dropHold(network: Id, address: Ip): void {
    this.#engine.dispatch({ event: 'hold-dropped', network, address });
  }

  attach(ask: DoorAttach): Promise<DoorAttached | Rejection> {
    const key = `${ask.runtime} ${ask.handle}`;
    const attached = this.#attach(ask).finally(() => {
      if (this.#attaching.get(key) === attached) this.#attaching.delete(key);
    });
    this.#attaching.set(key, attached);
    return attached;
  }

  async #attach({ runtime, handle, ...words }: DoorAttach): Promise<DoorAttached | Rejection> {
    const door = { runtime, handle };
    const name = words.name ?? handle.slice(0, 12);
    const answer = await this.#engine.attach({ words: { ...words, containerId: handle, name }, door });
    if (isRejection(answer)) return answer;
    const attachment = attachedAs(this.#engine.state, door);
    const gone = reject(
      'unavailable',
      fault('endpoint', handle, 'was detached meanwhile', 'attach it again'),
    );
    return attachment ? this.#shown(attachment) : gone;
  }

  async settle(
    runtime: EndpointRuntime,
    handle: string,
    sandboxPath: string,
  ): Promise<Rejection | undefined> {
    const answer = await this.#engine.noteSandbox({ runtime, handle }, sandboxPath);
    return isRejection(answer) ? answer : undefined;
  }

  describe(runtime: EndpointRuntime, handle: string, words: DoorDescription): void {
    this.#engine.dispatch({ event: 'described', door: { runtime, handle }, words });
  }

  async detach(runtime: EndpointRuntime, handle: string): Promise<Rejection | undefined> {
    await this.#attaching.get(`${runtime} ${handle}`);
    const answer = await this.#engine.detach({ door: { runtime, handle } });
    return isRejection(answer) ? answer : undefined;
  }

  attached(runtime: EndpointRuntime): readonly DoorAttached[] {
    return [...this.#engine.state.attachments.values()]
      .filter(({ handle, state, endpoint }) => handle && state === 'attached' && endpoint.runtime === runtime)
      .map((attachment) => this.#shown(attachment));
  }

  #shown(attachment: Attachment): DoorAttached {
    const { handle = '', endpoint, sandboxPath } = attachment;
    const hostInterface = hostEndName(endpoint.id);
    return { handle, endpoint, hostInterface, sandboxPath, isGone: isGone(this.#engine.state, attachment) };
  }

  showNotices(notices: readonly Notice[]): void {
    this.#engine.dispatch({ event: 'door-noticed', notices });
  }
}

const isNameTaken = ({ reason, faults }: Rejection): boolean =>
  reason === 'conflict' && faults.some(({ field }) => field === 'name');

const notesIn = (journal: Journal<JournalEntry>): DoorNotes => ({
  all: () =>
    new Map(
      [...journal.entries()].flatMap(([key, entry]) =>
        entry.entry === 'door-note' ? [[keyOfNote(key), entry.note] as const] : [],
      ),
    ),
  put: (key, note) =>
    note === undefined
      ? journal.delete(noteKey(key))
      : journal.put(noteKey(key), { entry: 'door-note', note }),
});
