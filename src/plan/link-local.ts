import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';

/** `fe80::ff:fe00:5` → `02:00:00:00:00:05`; undefined for an address that belongs to no MAC. */
export function macOfLinkLocal(ip: Ip): Mac | undefined {
  if (!ip.startsWith('fe80::')) return undefined;
  const groups = ['0', '0', '0', '0', ...ip.slice('fe80::'.length).split(':')].slice(-4);
  const [a, b, c, d] = groups.map((value) => Number.parseInt(value || '0', 16)) as [
    number,
    number,
    number,
    number,
  ];
  const bytes = [(a >> 8) ^ 0x02, a & 255, b >> 8, c & 255, d >> 8, d & 255];
  const mac = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':') as Mac;
  return linkLocalOf(mac) === ip ? mac : undefined;
}

const group = (mac: Mac, high: number, low: number): number =>
  Number.parseInt(mac.slice(high, high + 2) + mac.slice(low, low + 2), 16);

/**
 * The link-local address that belongs to a MAC (RFC 4291, appendix A: modified EUI-64): `02:00:00:00:00:05` →
 * `fe80::ff:fe00:5`. Both ends compute it, so peers know it without asking.
 */
export function linkLocalOf(mac: Mac): Ip {
  const first = group(mac, 0, 3) ^ 0x0200;
  const last = [
    Number.parseInt(`${mac.slice(6, 8)}ff`, 16),
    Number.parseInt(`fe${mac.slice(9, 11)}`, 16),
    group(mac, 12, 15),
  ];
  // A zero first group belongs to the shortened run (RFC 5952, 4.2.1).
  const groups = first === 0 ? last : [first, ...last];
  return `fe80::${groups.map((value) => value.toString(16)).join(':')}` as Ip;
}
