import { cidrContains } from '#model/cidr.ts';
import type { Ip } from '#model/ip.ts';
import { foldName } from '#model/name.ts';
import type { Endpoint, Network } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { addressOfReverseName, beforeZone, fullName } from './zone.ts';

/** Who asks, and what is known. */
export interface Asker {
  readonly snapshot: SnapshotView;
  /** Those that the asking container takes part in, the preferred one first. It hears of no others. */
  readonly networks: readonly Network[];
  /** Whether the snapshot is all that is so at this moment: a host that hears from no controller cannot say so. */
  readonly isCurrent: boolean;
}

/**
 * - `endpoints`: at least one has this name;
 * - `name`: of the asked address;
 * - `nothing`: it would be ours to know, and there is none;
 * - `unsure`: there may be one that this host has not heard of: never say that a name does not exist;
 * - `not-ours`: ask whom the container would have asked without Weft.
 */
export type Finding =
  | { readonly found: 'endpoints'; readonly endpoints: readonly Endpoint[] }
  | { readonly found: 'name'; readonly name: string }
  | { readonly found: 'nothing' | 'unsure' | 'not-ours' };

/**
 * Whom a name means to a container: `web`, `web.app` and `web.app.weft.internal`, where `web` is a name or an alias
 * in network `app`. A bare name is looked for in one network after the other, and the first that has it answers.
 */
export function resolve(asker: Asker, name: string): Finding {
  const ip = addressOfReverseName(name);
  if (ip) return resolveAddress(asker, ip);
  const inZone = beforeZone(name);
  const endpoints = inZone === undefined ? findShort(asker, name) : findQualified(asker, inZone);
  if (endpoints.length > 0) return { found: 'endpoints', endpoints };
  if (inZone === undefined) return { found: 'not-ours' };
  return { found: asker.isCurrent ? 'nothing' : 'unsure' };
}

function findShort(asker: Asker, name: string): Endpoint[] {
  for (const { id } of asker.networks) {
    const endpoints = [...asker.snapshot.endpointsNamed(id, name)];
    if (endpoints.length > 0) return endpoints;
  }
  return findQualified(asker, name);
}

/** `web.app`: both parts may hold dots, so each network is tried. */
function findQualified({ snapshot, networks }: Asker, name: string): Endpoint[] {
  const folded = foldName(name);
  return networks.flatMap((network) => {
    const tail = `.${foldName(network.name)}`;
    return folded.endsWith(tail)
      ? [...snapshot.endpointsNamed(network.id, folded.slice(0, -tail.length))]
      : [];
  });
}

/** An address of a network's subnet is ours to know; any other is not. */
function resolveAddress({ snapshot, networks, isCurrent }: Asker, ip: Ip): Finding {
  for (const network of networks) {
    const id = snapshot.inNetwork(network.id).endpointByIp.get(ip);
    const endpoint = id && snapshot.endpoints.get(id);
    if (endpoint) return { found: 'name', name: fullName(endpoint.name, network.name) };
  }
  const isOurs = networks.some(({ subnets }) => subnets.some(({ cidr }) => cidrContains(cidr, ip)));
  if (!isOurs) return { found: 'not-ours' };
  return { found: isCurrent ? 'nothing' : 'unsure' };
}
