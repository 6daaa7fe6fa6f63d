import { type Cidr, parseCidr } from '#model/cidr.ts';
import { fault } from '#model/fault.ts';
import { type Id, isId } from '#model/id.ts';
import { refuse } from './plugin-error.ts';

/**
 * What Docker calls a subnet of a network, `HOST/NETWORK/CIDR`. The host fences it: a release that comes late, or from
 * a copied data directory, is not this host's. `-` stands for a network that RequestPool was not told: Docker names
 * none, and only an option given to both drivers can.
 */
export interface PoolId {
  readonly host: Id;
  readonly network?: Id;
  readonly cidr: Cidr;
}

export const formatPoolId = ({ host, network, cidr }: PoolId): string => `${host}/${network ?? '-'}/${cidr}`;

/** Undefined for what Weft did not write. */
export function parsePoolId(text: string): PoolId | undefined {
  const [host, network, ...rest] = text.split('/');
  const cidr = parseCidr(rest.join('/'));
  if (!cidr.ok || !host || !isId(host) || !network) return undefined;
  if (network === '-') return { host, cidr: cidr.value };
  return isId(network) ? { host, network, cidr: cidr.value } : undefined;
}

/** A pool of this host. Throws PluginError for any other. */
export function ownPool(text: string, host: Id): PoolId {
  const pool = parsePoolId(text);
  if (!pool) throw refuse(fault('PoolID', text, 'is not a pool of Weft', FIX));
  if (pool.host === host) return pool;
  throw refuse(fault('PoolID', text, 'is of another host, or of this one before its state was lost', FIX));
}
const FIX = 'remove this Docker network with docker network rm, and Weft makes it anew';
