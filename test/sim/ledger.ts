import { cidrsOverlap } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Endpoint, Host } from '#model/records.ts';
import type { Snapshot } from '#model/snapshot.ts';
import type { Batch } from '#store/store.ts';
import type { Machine } from './machine.ts';
import { checkPublications } from './publications.ts';
import { Violation } from './violation.ts';

/** An attach that was answered, and that nobody has asked to take back. */
export interface Standing {
  readonly endpoint: Endpoint;
  readonly machine: Machine;
  /** In another one it is made anew. */
  readonly place: string;
  /** Of the container's namespace, if the agent was told it. */
  readonly path?: string;
}

/** An address that an agent set aside. */
export interface HeldAddress {
  readonly network: Id;
  readonly ip: Ip;
  /** Not when its time is over, its agent is gone, or its host was evicted. */
  readonly isValid: () => boolean;
}

/** What users were promised: an address is theirs from the answer until they give it back or their container ends. */
export class Ledger {
  readonly #standing = new Map<Id, Standing>();
  readonly #held = new Map<string, HeldAddress>();
  /** By endpoint: the last that was ever answered. */
  readonly #answered = new Map<Id, { readonly generation: number; readonly place: string }>();

  standingOn(machine: Machine): Standing[] {
    return [...this.#standing.values()].filter((standing) => standing.machine === machine);
  }

  get(endpoint: Id): Standing | undefined {
    return this.#standing.get(endpoint);
  }

  /** The answer has come. */
  begin(standing: Standing): void {
    const { endpoint, place } = standing;
    for (const ip of endpoint.addresses) this.#refuseHeld(endpoint.network, ip, textOf(endpoint));
    for (const other of this.#standing.values()) {
      refuseShared(endpoint, other.endpoint, 'answers');
      refuseSecond(endpoint, other.endpoint);
    }
    const before = this.#answered.get(endpoint.id);
    if (before && before.place !== place && before.generation >= endpoint.generation)
      throw new Violation('made anew, its generation rises', textOf(endpoint));
    this.#answered.set(endpoint.id, { generation: endpoint.generation, place });
    this.#standing.set(endpoint.id, standing);
  }

  /** An address was set aside: nobody else is told that he has it until it is used or dropped. */
  beginHold(held: HeldAddress): void {
    if (!held.isValid()) return;
    this.#refuseHeld(held.network, held.ip, 'another hold');
    for (const { endpoint } of this.#standing.values())
      if (endpoint.network === held.network && endpoint.addresses.includes(held.ip))
        throw new Violation('no address twice', `${held.ip} is set aside and given: ${textOf(endpoint)}`);
    this.#held.set(`${held.network} ${held.ip}`, held);
  }

  endHold(network: Id, ip: Ip): void {
    this.#held.delete(`${network} ${ip}`);
  }

  #refuseHeld(network: Id, ip: Ip, who: string): void {
    if (this.#held.get(`${network} ${ip}`)?.isValid())
      throw new Violation('what is set aside is nobody else’s', `${who} has ${ip}`);
  }

  end(endpoint: Id): void {
    this.#standing.delete(endpoint);
  }

  /** The container has ended; without a path, all of the machine's. */
  endAt(machine: Machine, path?: string): void {
    for (const { endpoint, path: at } of this.standingOn(machine))
      if (path === undefined || at === path) this.#standing.delete(endpoint.id);
  }

  /** After each commit. */
  check(before: Snapshot, { changes }: Batch, after: Snapshot): void {
    for (const change of changes) {
      if (change.verb === 'delete' && change.ref.kind === 'network') this.#endUntold(change.ref.id, before);
      else if (change.verb === 'delete') {
        const standing = this.#standing.get(change.ref.id);
        if (standing)
          throw new Violation('an answered attachment is kept', `${textOf(standing.endpoint)} was deleted`);
      } else if (change.record.kind === 'host') {
        this.#endEvicted(change.record, before);
      } else if (change.record.kind === 'endpoint') {
        const old = before.endpoints.get(change.record.id);
        if (old && old.generation > change.record.generation)
          throw new Violation('no older generation replaces a newer', textOf(change.record));
      }
    }
    for (const endpoint of after.endpoints.values()) this.#checkEndpoint(endpoint, after);
    checkNetworks(after);
    checkPublications(after);
  }

  /** A network may go while a host that is away gives addresses of it: those promises cannot be kept. */
  #endUntold(network: Id, { endpoints }: Snapshot): void {
    for (const { endpoint } of this.#standing.values())
      if (endpoint.network === network && !endpoints.has(endpoint.id)) this.#standing.delete(endpoint.id);
  }

  /** What it was promised, an evicted host loses; its containers are cut off. */
  #endEvicted({ id, epoch }: Host, { hosts }: Snapshot): void {
    if (epoch === (hosts.get(id)?.epoch ?? epoch)) return;
    for (const { endpoint } of this.#standing.values())
      if (endpoint.host === id) this.#standing.delete(endpoint.id);
  }

  #checkEndpoint(endpoint: Endpoint, { networks, hosts, endpoints }: Snapshot): void {
    if (!networks.has(endpoint.network) || !hosts.has(endpoint.host))
      throw new Violation('records belong together', `${textOf(endpoint)} has lost its host or network`);
    for (const other of endpoints.values()) refuseShared(endpoint, other, 'records');
    for (const { endpoint: promised } of this.#standing.values()) {
      // Of its own the host knows which one counts; nobody was promised the other.
      if (promised.host === endpoint.host && !this.#standing.has(endpoint.id)) continue;
      refuseShared(endpoint, promised, 'an answer and a record');
    }
  }
}

function refuseShared(one: Endpoint, other: Endpoint, where: string): void {
  if (one.id === other.id || one.network !== other.network) return;
  if (one.mac === other.mac || one.addresses.some((ip) => other.addresses.includes(ip)))
    throw new Violation('no address twice', `${where}: ${textOf(one)} and ${textOf(other)}`);
}

/** Asked for twice, it is the same. */
function refuseSecond(one: Endpoint, other: Endpoint): void {
  if (one.id === other.id || one.network !== other.network || one.host !== other.host) return;
  if (one.containerId === other.containerId)
    throw new Violation('one endpoint of a container in a network', `${textOf(one)} and ${textOf(other)}`);
}

function checkNetworks({ networks, blocks }: Snapshot): void {
  const vnis = new Set([...networks.values()].map(({ vni }) => vni));
  if (vnis.size !== networks.size) throw new Violation('one VNI, one network', [...vnis].join(', '));
  const all = [...blocks.values()];
  all.forEach((block, index) => {
    for (const other of all.slice(index + 1))
      if (block.network === other.network && cidrsOverlap(block.cidr, other.cidr))
        throw new Violation('no address twice', `blocks ${block.cidr} and ${other.cidr}`);
  });
}

export const textOf = ({ id, name, host, addresses, mac, generation }: Endpoint): string =>
  `${name} ${addresses.join(' ')} ${mac} generation ${generation} on ${host.slice(-4)} (${id})`;
