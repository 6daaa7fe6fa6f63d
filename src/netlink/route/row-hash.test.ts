import { expect, test } from 'vitest';
import { readMessages } from '../message.ts';
import { NetlinkError } from '../netlink-error.ts';
import { hashRow } from './row-hash.ts';

/** `02:42:0a:00:00:03 dst 192.0.2.2 self permanent` of device 7, used 5 s ago; on whole words, as it is received. */
const ROW =
  '44000000 1c000000 01000000 00000000 07000000 07000000 80000200 ' +
  '0a000200 02420a00 00030000 08000100 c0000202 14000300 00000000 f4010000 f4010000 01000000';
const bytesOf = (hex: string) => {
  const bytes = Buffer.allocUnsafeSlow(hex.replaceAll(' ', '').length / 2);
  bytes.write(hex.replaceAll(' ', ''), 'hex');
  return bytes;
};
const hashOf = (bytes: Buffer) => hashRow([...readMessages(bytes)][0]!);
/** Each of its bytes, one by one, made another. */
const changed = (at: number) => {
  const bytes = bytesOf(ROW);
  bytes[at]! ^= 1;
  return bytes;
};
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

test('a row’s number changes with its device, state, flags and each of its fields', () => {
  const own = hashOf(bytesOf(ROW));
  const addresses = [...range(32, 38), ...range(44, 48)];
  for (const at of [...range(20, 28), ...addresses]) expect(hashOf(changed(at)), `byte ${at}`).not.toBe(own);
});

test('but not with when it was used', () => {
  const own = hashOf(bytesOf(ROW));
  for (const at of range(52, 68)) expect(hashOf(changed(at)), `byte ${at}`).toBe(own);
});

test.each(['00000200', '03000200', '40000200', 'ffff0200'])(
  'an attribute that begins %s is refused',
  (head) => {
    expect(() => hashOf(bytesOf(ROW.replace('0a000200', head)))).toThrow(NetlinkError);
  },
);
