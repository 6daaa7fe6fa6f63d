import { type Cidr, parseCidr } from '#model/cidr.ts';
import { fault } from '#model/fault.ts';
import { type Id, isId } from '#model/id.ts';
import { refuse } from './plugin-error.ts';

/**
 * What Docker calls a subnet of a network, `HOST/NETWORK/CIDR`. The host fences it: what was asked for under another
 * identity, of a machine that this one was copied from or before its state was lost, is not released as this host's.
 * It goes on being asked for, since Docker keeps it as long as the network. `-` stands for a network that RequestPool was not told: Docker names
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

/** Throws PluginError for what Weft did not write. */
export function readPoolId(text: string): PoolId {
  const pool = parsePoolId(text);
  if (pool) return pool;
  throw refuse(
    fault('PoolID', text, 'is not a pool of Weft', 'remove this Docker network, and make it again'),
  );
}
