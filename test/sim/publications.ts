import type { Snapshot } from '#model/snapshot.ts';
import { Violation } from './violation.ts';

/** After each commit: a host's port leads to one endpoint, which is there, and so does a port between host and network. */
export function checkPublications({ publications, endpoints }: Snapshot): void {
  const all = [...publications.values()];
  all.forEach((one, index) => {
    const endpoint = endpoints.get(one.endpoint);
    if (endpoint?.host !== one.host || endpoint.network !== one.network)
      throw new Violation('a publication goes with its endpoint', one.id);
    for (const other of all.slice(index + 1)) {
      if (other.protocol !== one.protocol) continue;
      const here = one.hostAddress ?? other.hostAddress;
      const isShared = here === (other.hostAddress ?? here);
      if (other.host === one.host && other.hostPort === one.hostPort && isShared)
        throw new Violation('a host’s port leads to one endpoint', `${one.hostPort} of ${one.host}`);
      if (other.network === one.network && other.relayPort === one.relayPort)
        throw new Violation('a relay’s port leads to one endpoint', `${one.relayPort}`);
    }
  });
}
