import type { Ip } from '#model/ip.ts';
import { type Fdb, kernelKey, type Neighbour } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import type { Endpoint, Network } from '#model/records.ts';
import type { NetworkRecords, SnapshotView } from '#model/snapshot.ts';
import { rowsTowards, type ThisHost } from './endpoint-objects.ts';
import { macOfLinkLocal } from './link-local.ts';

/** A network on this host, as it is known. */
export interface RowPlace {
  readonly here: ThisHost;
  readonly snapshot: SnapshotView;
  readonly network: Network;
}

/** What an endpoint is known by in a network. */
export type Whom = { readonly ip: Ip } | { readonly mac: Mac };

export const whomOf = (row: Fdb | Neighbour): Whom =>
  row.kind === 'fdb' ? { mac: row.mac } : { ip: row.ip };

/** Whose an address (the link-local that belongs to a MAC, too) or a MAC is. */
export function endpointOf(records: NetworkRecords, whom: Whom): Endpoint | undefined {
  const { endpoints, endpointByIp, endpointByMac } = records;
  const id =
    'mac' in whom
      ? endpointByMac.get(whom.mac)
      : (endpointByIp.get(whom.ip) ?? endpointByMac.get(macOfLinkLocal(whom.ip) ?? ''));
  return id && endpoints.get(id);
}

/**
 * All rows that may be written once somebody asks for an endpoint of another host. None when it is nobody's or this
 * host's own, and in modes that write theirs beforehand.
 */
export function askedRows({ here, snapshot, network }: RowPlace, whom: Whom): (Fdb | Neighbour)[] {
  const endpoint = endpointOf(snapshot.inNetwork(network.id), whom);
  const peer = endpoint && endpoint.host !== here.host.id && snapshot.hosts.get(endpoint.host);
  return peer ? rowsTowards(here, network, peer, [endpoint], 'asked') : [];
}

/** What may be in a row's place though nobody wishes it: somebody has asked for it. */
export const allowedFor = (place: RowPlace, row: Fdb | Neighbour): Fdb | Neighbour | undefined =>
  askedRows(place, whomOf(row)).find((each) => kernelKey(each) === kernelKey(row));
