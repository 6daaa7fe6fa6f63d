import { type Ip, parseIp } from '#model/ip.ts';
import type { Parsed } from '#model/parsed.ts';

/** Names of endpoints in full: `web.app.weft.internal`. ICANN keeps .internal for private use (2024-07-29). */
export const ZONE = 'weft.internal';

/** The full name of an endpoint. */
export const fullName = (name: string, network: string): string => `${name}.${network}.${ZONE}`;

/** What stands before the zone: `web.app` of `web.app.weft.internal`, empty for the zone itself; undefined outside it. */
export function beforeZone(name: string): string | undefined {
  const folded = name.toLowerCase();
  if (folded === ZONE) return '';
  return folded.endsWith(`.${ZONE}`) ? name.slice(0, -ZONE.length - 1) : undefined;
}

/**
 * The address that a reverse name stands for (RFC 1035, 3.5; RFC 3596, 2.5): `2.0.1.10.in-addr.arpa` is 10.1.0.2.
 * Undefined for any other name, one of a whole range included.
 */
export function addressOfReverseName(name: string): Ip | undefined {
  const labels = name.toLowerCase().split('.');
  const family = labels.splice(-2).join('.');
  labels.reverse();
  if (family === 'in-addr.arpa' && labels.length === 4) return valueOrNone(parseIp(labels.join('.')));
  if (family !== 'ip6.arpa' || labels.length !== 32 || labels.some((label) => label.length !== 1))
    return undefined;
  return valueOrNone(parseIp(labels.join('').replace(/(.{4})(?!$)/g, '$1:')));
}

const valueOrNone = <T>(result: Parsed<T>): T | undefined => (result.ok ? result.value : undefined);
