import { cidrContains } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Entry, NameTable } from './name-table.ts';
import { before, type WireName } from './wire-name.ts';
import { addressOfReverseName, beforeZone, fullName } from './zone.ts';

/** Who asks, and what is known. */
export interface Asker {
  readonly table: NameTable;
  /** Those that the asking container takes part in, the preferred one first. It hears of no others. */
  readonly networks: readonly Id[];
  /** Whether the table is all that is so at this moment: a host that hears from no controller cannot say so. */
  readonly isCurrent: boolean;
}

/**
 * - `endpoints`: these have this name; none where it is a name that others are under (`app.weft.internal`);
 * - `name`: of the asked address;
 * - `nothing`: it would be ours to know, and there is none;
 * - `unsure`: there may be one that this host has not heard of: never say that a name does not exist;
 * - `not-ours`: ask whom the container would have asked without Weft;
 * - `perhaps-ours`: ask there, but that it is unknown there does not say that there is none.
 */
export type Finding =
  | { readonly found: 'endpoints'; readonly endpoints: readonly Entry[] }
  | { readonly found: 'name'; readonly name: string }
  | { readonly found: 'nothing' | 'unsure' | 'not-ours' | 'perhaps-ours' };

/**
 * Whom a name means to a container: `web`, `web.app` and `web.app.weft.internal`, where `web` is a name or an alias
 * in network `app`. A bare name is looked for in one network after the other, and the first that has it answers.
 */
export function resolve(asker: Asker, name: WireName): Finding {
  const inZone = beforeZone(name);
  if (inZone !== undefined) return resolveInZone(asker, inZone);
  const endpoints = findShort(asker, name);
  if (endpoints.length > 0) return { found: 'endpoints', endpoints };
  const ip = addressOfReverseName(name);
  if (ip) return resolveAddress(asker, ip);
  return { found: !asker.isCurrent && looksOurs(asker, name) ? 'perhaps-ours' : 'not-ours' };
}

function resolveInZone(asker: Asker, name: WireName): Finding {
  const endpoints = findQualified(asker, name);
  if (endpoints.length > 0 || isAboveOthers(asker, name)) return { found: 'endpoints', endpoints };
  return { found: asker.isCurrent ? 'nothing' : 'unsure' };
}

/** The zone itself, or a network in it. */
const isAboveOthers = ({ table, networks }: Asker, name: WireName): boolean =>
  name === '' || networks.some((id) => table.inNetwork(id)?.suffix === name);

function findShort(asker: Asker, name: WireName): readonly Entry[] {
  for (const id of asker.networks) {
    const endpoints = asker.table.inNetwork(id)?.byName.get(name);
    if (endpoints) return endpoints;
  }
  return findQualified(asker, name);
}

/** `web.app`: both parts may hold dots, so each network is tried. */
function findQualified({ table, networks }: Asker, name: WireName): readonly Entry[] {
  for (const id of networks) {
    const network = table.inNetwork(id);
    if (network?.suffix === undefined) continue;
    const inNetwork = before(name, network.suffix);
    const endpoints = inNetwork && network.byName.get(inNetwork);
    if (endpoints) return endpoints;
  }
  return [];
}

/** A bare name, or one under that of a network. */
const looksOurs = ({ table, networks }: Asker, name: WireName): boolean =>
  name.charCodeAt(0) + 1 === name.length ||
  networks.some((id) => {
    const suffix = table.inNetwork(id)?.suffix;
    return suffix !== undefined && name.endsWith(suffix);
  });

/** An address of a network's subnet is ours to know; any other is not. */
function resolveAddress({ table, networks, isCurrent }: Asker, ip: Ip): Finding {
  for (const id of networks) {
    const network = table.inNetwork(id);
    const endpoint = network?.byIp.get(ip);
    if (endpoint && network?.name !== undefined)
      return { found: 'name', name: fullName(endpoint.name, network.name) };
  }
  const isOurs = networks.some((id) =>
    table.inNetwork(id)?.subnets.some((subnet) => cidrContains(subnet, ip)),
  );
  if (!isOurs) return { found: 'not-ours' };
  return { found: isCurrent ? 'nothing' : 'unsure' };
}
