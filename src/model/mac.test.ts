import { expect, it } from 'vitest';
import { createMac, isMulticastMac, parseMac, ZERO_MAC } from './mac.ts';

it.each([
  ['02:00:00:00:00:01', '02:00:00:00:00:01'],
  ['02-00-00-00-00-AB', '02:00:00:00:00:ab'],
  ['00:1B:21:00:00:01', '00:1b:21:00:00:01'],
])('reads %s as %s', (text, mac) => {
  expect(parseMac(text)).toEqual({ ok: true, value: mac });
});

it.each([
  ['01:00:5e:00:00:01', 'is a multicast address'],
  ['33:33:00:00:00:01', 'is a multicast address'],
  ['ff:ff:ff:ff:ff:ff', 'is a multicast address'],
  [ZERO_MAC, 'is the zero address'],
  ['', 'is not a MAC address'],
  ['02:00:00:00:00', 'is not a MAC address'],
  ['02:00:00:00:00:01:02', 'is not a MAC address'],
  ['02:00:00:00:00:1', 'is not a MAC address'],
  ['02:00:00:00:00:0g', 'is not a MAC address'],
  ['0200.0000.0001', 'is not a MAC address'],
  ['020000000001', 'is not a MAC address'],
  ['02:00:00:00:00:01\n', 'is not a MAC address'],
])('refuses %j: %s', (text, problem) => {
  expect(parseMac(text)).toMatchObject({ ok: false, problem });
});

it('makes a locally administered unicast address of whatever chance gives', () => {
  for (const byte of [0x00, 0x01, 0x03, 0xfe, 0xff]) {
    const mac = createMac((count) => new Uint8Array(count).fill(byte));
    expect(parseMac(mac)).toEqual({ ok: true, value: mac });
    expect(Number.parseInt(mac.slice(0, 2), 16) & 0b11).toBe(0b10);
  }
  expect(createMac(() => Uint8Array.of(0xff, 1, 2, 3, 4, 0xab))).toBe('fe:01:02:03:04:ab');
});

it('knows group addresses by the lowest bit of the first byte', () => {
  expect(isMulticastMac('ff:ff:ff:ff:ff:ff')).toBe(true);
  expect(isMulticastMac('01:00:00:00:00:00')).toBe(true);
  expect(isMulticastMac(ZERO_MAC)).toBe(false);
  expect(isMulticastMac('fe:00:00:00:00:00')).toBe(false);
});
