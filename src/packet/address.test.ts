import { describe, expect, it } from 'vitest';
import { formatIpv6, formatMac, parseIp, parseMac } from './address.ts';

describe('addresses', () => {
  // The left side of each pair is one legal spelling, the right RFC 5952's.
  it.each([
    ['::', '::'],
    ['::1', '::1'],
    ['fd01:0:0:0::3', 'fd01::3'],
    ['FE80::AFF:FE01:2', 'fe80::aff:fe01:2'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:2:3:4:5:6:7:0', '1:2:3:4:5:6:7:0'],
    ['1::', '1::'],
    ['::ffff:10.1.0.2', '::ffff:a01:2'],
  ])('reads %s and writes %s', (text, canonical) => {
    expect(formatIpv6(parseIp(text), 0)).toBe(canonical);
  });

  it.each([
    ...[':', ':::', '1::2::3', 'g::', '::1.2.3', 'fd01::3%eth0', '10.1.0.2::'],
    ...['1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8'],
  ])('refuses %j as IPv6', (text) => expect(() => parseIp(text)).toThrow(RangeError));

  it.each(['', '10.1.0', '10.1.0.256', '10.01.0.2', '10.1.0.2.3', ' 10.1.0.2'])(
    'refuses %j as IPv4',
    (text) => expect(() => parseIp(text)).toThrow(RangeError),
  );

  it('keeps MAC addresses in lower case', () => {
    expect(formatMac(parseMac('02:00:0A:01:00:FF'), 0)).toBe('02:00:0a:01:00:ff');
    expect(() => parseMac('02:00:0a:01:00')).toThrow(RangeError);
    expect(() => parseMac('2:0:a:1:0:2')).toThrow(RangeError);
  });
});
