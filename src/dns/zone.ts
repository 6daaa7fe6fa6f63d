import { type Ip, parseIp } from '#model/ip.ts';
import type { Parsed } from '#model/parsed.ts';
import { before, labelsOf, type WireName, wireName } from './wire-name.ts';

/** Names of endpoints in full: `web.app.weft.internal`. ICANN keeps .internal for private use (2024-07-29). */
const ZONE = 'weft.internal';

const ZONE_NAME = wireName(ZONE)!;
const REVERSE_4 = wireName('in-addr.arpa')!;
const REVERSE_6 = wireName('ip6.arpa')!;

/** The full name of an endpoint. */
export const fullName = (name: string, network: string): string => `${name}.${network}.${ZONE}`;

/** What stands before the zone: `web.app` of `web.app.weft.internal`, empty for the zone itself; undefined outside it. */
export const beforeZone = (name: WireName): WireName | undefined => before(name, ZONE_NAME);

/**
 * The address that a reverse name stands for (RFC 1035, 3.5; RFC 3596, 2.5): `2.0.1.10.in-addr.arpa` is 10.1.0.2.
 * Undefined for any other name, one of a whole range included.
 */
export function addressOfReverseName(name: WireName): Ip | undefined {
  const labels4 = before(name, REVERSE_4);
  if (labels4 !== undefined) {
    const labels = labelsOf(labels4);
    return labels.length === 4 ? valueOrNone(parseIp(labels.reverse().join('.'))) : undefined;
  }
  const labels6 = before(name, REVERSE_6);
  if (labels6?.length !== 64) return undefined;
  const nibbles = labelsOf(labels6);
  if (nibbles.length !== 32) return undefined;
  return valueOrNone(
    parseIp(
      nibbles
        .reverse()
        .join('')
        .replace(/(.{4})(?!$)/g, '$1:'),
    ),
  );
}

const valueOrNone = <T>(result: Parsed<T>): T | undefined => (result.ok ? result.value : undefined);
