import type { Endpoint, Publication } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';

/** Those of an endpoint, the lowest port first. */
export const publicationsOf = (snapshot: SnapshotView, { id, network }: Endpoint): Publication[] =>
  [...snapshot.inNetwork(network).publications.values()]
    .filter(({ endpoint }) => endpoint === id)
    .sort((a, b) => a.hostPort - b.hostPort);

/** `192.0.2.1:8080:80/tcp`, as it is wished for. */
export function formatMapping(mapping: Mapping): string {
  const { hostAddress: ip, hostPort, port, protocol } = mapping;
  const host = ip === undefined ? '' : ip.includes(':') ? `[${ip}]:` : `${ip}:`;
  return `${host}${hostPort}:${port}/${protocol}`;
}

export type Mapping = Pick<Publication, 'hostAddress' | 'hostPort' | 'port' | 'protocol'>;
