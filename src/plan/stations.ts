import type { Id } from '#model/id.ts';
import type { Mac } from '#model/mac.ts';
import type { TunnelEnd } from '#model/network-endpoints.ts';
import type { Adoption, Station } from '#model/records.ts';
import type { NetworkRecords } from '#model/snapshot.ts';

type Adoptions = Pick<NetworkRecords, 'adoptions'>;

/** Where each MAC behind the adopted bridges is, as seen from one host: those elsewhere, in order. */
export function remoteStations(records: Adoptions, own: Id): TunnelEnd[] {
  if (records.adoptions.size === 0) return [];
  const holders = new Map<Mac, { readonly station: Station; readonly host: Id }>();
  for (const { host, stations } of byHost(records))
    for (const station of stations) {
      const holder = holders.get(station.mac);
      if (!holder || station.generation > holder.station.generation)
        holders.set(station.mac, { station, host });
    }
  return [...holders]
    .filter(([, { host }]) => host !== own)
    .map(([mac, { station, host }]) => ({ mac, addresses: station.addresses, host }))
    .sort((a, b) => (a.mac < b.mac ? -1 : 1));
}

/** The highest that other hosts say of a MAC; 0 when none knows it. */
export function otherGeneration({ adoptions }: Adoptions, own: Id, mac: Mac): number {
  let highest = 0;
  for (const { host, stations } of adoptions.values())
    if (host !== own)
      for (const station of stations)
        if (station.mac === mac) highest = Math.max(highest, station.generation);
  return highest;
}

/** What two hosts have at once: a MAC or an address, and who they are. */
export interface Clash {
  readonly what: string;
  readonly hosts: readonly Id[];
}

/** The hosts' own managers of addresses know nothing of each other, and may have given the same twice. */
export function clashesOf(records: Adoptions): Clash[] {
  const holders = new Map<string, Set<Id>>();
  const hold = (what: string, host: Id) => holders.set(what, (holders.get(what) ?? new Set()).add(host));
  for (const { host, stations } of byHost(records))
    for (const { mac, addresses } of stations) for (const what of [mac, ...addresses]) hold(what, host);
  return [...holders]
    .filter(([, hosts]) => hosts.size > 1)
    .map(([what, hosts]) => ({ what, hosts: [...hosts] }))
    .sort((a, b) => (a.what < b.what ? -1 : 1));
}

const byHost = ({ adoptions }: Adoptions): Adoption[] =>
  [...adoptions.values()].sort((a, b) => (a.host < b.host ? -1 : 1));
