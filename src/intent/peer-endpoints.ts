import { type Cidr, cidrContains } from '#model/cidr.ts';
import type { Ip } from '#model/ip.ts';
import type { Peer } from '#model/records.ts';
import type { NetworkRecords } from '#model/snapshot.ts';
import type { TunnelMode } from '#model/tunnel-mode.ts';

/** Those that a VXLAN device made by hand can take part in: nobody answers its ARP but who has the address. */
export const PEER_MODES: readonly TunnelMode[] = ['p2p', 'multicast', 'flood', 'static'];

type Records = Pick<NetworkRecords, 'endpointByIp' | 'peers'>;

/** Whether somebody in the network has the address, by Weft or not. */
export const isTaken = (records: Records, ip: Ip): boolean =>
  records.endpointByIp.has(ip) || peerWith(records, ip) !== undefined;

/** The peer behind which a MAC or address is. */
export function peerWith({ peers }: Pick<Records, 'peers'>, what: string): Peer | undefined {
  for (const peer of peers.values())
    if (peer.endpoints.some(({ mac, addresses }) => mac === what || addresses.includes(what as Ip)))
      return peer;
  return undefined;
}

/** Addresses of a range that are behind peers. */
export const heldByPeers = (range: Cidr, { peers }: Pick<Records, 'peers'>): Ip[] =>
  [...peers.values()].flatMap(({ endpoints }) =>
    endpoints.flatMap(({ addresses }) => addresses.filter((ip) => cidrContains(range, ip))),
  );
