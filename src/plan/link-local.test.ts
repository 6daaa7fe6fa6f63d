import { expect, it } from 'vitest';
import type { Id } from '#model/id.ts';
import { type Ip, parseIp } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';
import { RowDraft } from '#model/row-draft.ts';
import { ROW_IP } from '#model/row-kind.ts';
import { ipFromWords } from '#model/words.ts';
import { linkLocalOf, macOfLinkLocal } from './link-local.ts';

/** Witness: `ip link set eth0 address …; ip -6 addr show dev eth0` with addrgenmode eui64, Linux 6.18. */
it.each([
  ['02:00:00:00:00:05', 'fe80::ff:fe00:5'],
  ['02:00:01:00:00:0b', 'fe80::1ff:fe00:b'],
  ['ce:e8:b2:2c:e9:f0', 'fe80::cce8:b2ff:fe2c:e9f0'],
  ['06:00:00:00:00:00', 'fe80::400:ff:fe00:0'],
  ['00:00:00:00:00:01', 'fe80::200:ff:fe00:1'],
])('of %s is %s', (mac, ip) => {
  expect(linkLocalOf(mac as Mac)).toBe(ip);
  expect(parseIp(ip)).toEqual({ ok: true, value: ip });
  expect(macOfLinkLocal(ip as Ip)).toBe(mac);
  const row = new RowDraft();
  row.setMac({ host: '' as Id, mac: mac as Mac, addresses: [] });
  row.setLinkLocal();
  expect(ipFromWords(row.ipForm, row.words, ROW_IP)).toBe(ip);
});

it.each(['fe80::1', 'fe80::1:2:3:4', 'fe80::', 'fe80::1:2:3:4:5', 'fd00::ff:fe00:5', '10.0.0.1'])(
  '%s belongs to no MAC',
  (ip) => expect(macOfLinkLocal(ip as Ip)).toBeUndefined(),
);
