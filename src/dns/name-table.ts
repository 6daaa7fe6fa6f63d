import type { Cidr } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import type { NamedEndpoint, NamedNetwork } from '#model/named.ts';
import { addressBytes } from '#model/words.ts';
import { type WireName, wireName } from './wire-name.ts';

/** An endpoint as answers need it. */
export interface Entry {
  readonly network: Id;
  readonly name: string;
  readonly names: readonly WireName[];
  readonly addresses: readonly Ip[];
  /** The same as they are in a message. */
  readonly ipv4: readonly Uint8Array[];
  readonly ipv6: readonly Uint8Array[];
}

/** The names of one network. */
interface Names {
  /** Unknown until its record has come. */
  name?: string;
  suffix?: WireName;
  subnets: readonly Cidr[];
  readonly byName: Map<WireName, Entry[]>;
  readonly byIp: Map<Ip, Entry>;
}

/** Everybody's names and addresses, by network; changed in place by its owner. */
export class NameTable {
  private readonly networks = new Map<Id, Names>();
  private readonly entries = new Map<Id, Entry>();

  get size(): number {
    return this.entries.size;
  }

  clear(): void {
    this.networks.clear();
    this.entries.clear();
  }

  putNetwork({ id, name, subnets }: NamedNetwork): void {
    const names = this.namesOf(id);
    names.name = name;
    names.suffix = wireName(name);
    names.subnets = subnets.map(({ cidr }) => cidr);
  }

  /** Instead of what has its id; endpoints may share names. */
  putEndpoint(endpoint: NamedEndpoint): void {
    this.deleteEndpoint(endpoint.id);
    const entry = entryOf(endpoint);
    const { byName, byIp } = this.namesOf(endpoint.network);
    this.entries.set(endpoint.id, entry);
    for (const name of entry.names) {
      const namesakes = byName.get(name);
      if (namesakes) namesakes.push(entry);
      else byName.set(name, [entry]);
    }
    for (const ip of entry.addresses) byIp.set(ip, entry);
  }

  /** The absent is nothing. */
  deleteEndpoint(id: Id): void {
    const entry = this.entries.get(id);
    if (!entry) return;
    this.entries.delete(id);
    const { byName, byIp } = this.namesOf(entry.network);
    for (const name of entry.names) {
      const namesakes = byName.get(name)!;
      if (namesakes.length === 1) byName.delete(name);
      else namesakes.splice(namesakes.indexOf(entry), 1);
    }
    // A newer holder of the address keeps it.
    for (const ip of entry.addresses) if (byIp.get(ip) === entry) byIp.delete(ip);
  }

  /** With its names. The absent is nothing. */
  deleteNetwork(id: Id): void {
    if (!this.networks.delete(id)) return;
    for (const [endpoint, { network }] of this.entries) if (network === id) this.entries.delete(endpoint);
  }

  /** Undefined for an unknown one. */
  inNetwork(id: Id): Readonly<Names> | undefined {
    return this.networks.get(id);
  }

  private namesOf(network: Id): Names {
    let names = this.networks.get(network);
    if (!names) {
      names = { subnets: [], byName: new Map(), byIp: new Map() };
      this.networks.set(network, names);
    }
    return names;
  }
}

function entryOf({ network, name, aliases, addresses }: NamedEndpoint): Entry {
  const names = [name, ...aliases].flatMap((each) => wireName(each) ?? []);
  const inFamily = (family: 4 | 6) => addresses.filter((ip) => familyOf(ip) === family).map(addressBytes);
  return { network, name, names: [...new Set(names)], addresses, ipv4: inFamily(4), ipv6: inFamily(6) };
}
