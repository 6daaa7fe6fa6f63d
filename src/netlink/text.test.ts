import { isIP } from 'node:net';
import { describe, expect, test } from 'vitest';
import { familyOf, readIp, writeIp } from './ip-text.ts';
import { readMac, writeMac } from './mac-text.ts';
import { NetlinkError } from './netlink-error.ts';

function ipBytes(text: string): Buffer {
  const bytes = Buffer.alloc(20, 0xee);
  const length = writeIp(text, bytes, 2);
  expect([bytes[1], bytes[2 + length]]).toEqual([0xee, 0xee]);
  return bytes.subarray(2, 2 + length);
}
const roundTrip = (text: string) => {
  const bytes = ipBytes(text);
  return readIp(bytes, 0, bytes.length);
};

describe('IP addresses', () => {
  test.each([
    ['0.0.0.0', '00000000'],
    ['255.255.255.255', 'ffffffff'],
    ['192.0.2.1', 'c0000201'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['fd00::', 'fd000000000000000000000000000000'],
    ['fe80::42:aff:fe00:c', 'fe8000000000000000420afffe00000c'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ])('%s is %s, both ways', (text, hex) => {
    expect(ipBytes(text).toString('hex')).toBe(hex);
    expect(roundTrip(text)).toBe(text);
  });

  test.each([
    ['FD00::ABCD', 'fd00::abcd'],
    ['fd00:0000:0:0:0:0:0:0001', 'fd00::1'],
    ['1::2:0:0:0:3:0', '1:0:2::3:0'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:0:2:3:0:0:4', '1::2:3:0:0:4'], // RFC 5952, 4.2.3: the first of two equal runs
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'], // 4.2.2: a single group is not shortened
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ])('%s is written %s', (text, canonical) => expect(roundTrip(text)).toBe(canonical));

  const wrong = [
    ...[
      '',
      '.',
      '1',
      '1.2.3',
      '1.2.3.4.5',
      '1.2.3.256',
      '1.2.3.04',
      '1.2.3.-1',
      '1.2..3',
      ' 1.2.3.4',
      '1.2.3.4 ',
    ],
    ...[
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7:8::',
      '::1:2:3:4:5:6:7:8',
    ],
    ...[
      '12345::',
      'g::',
      'fe80::1%eth0',
      '::1.2.3',
      '1.2.3.4::',
      ':1::2',
      '1::2:',
      '::1.2.3.4:5',
      '1:2:3:4:5:6:7:1.2.3.4',
    ],
  ];
  test.each(wrong)('%j is none', (text) => {
    expect(isIP(text.replace(/%.*/, '')) === 0 || text.includes('%')).toBe(true);
    expect(() => ipBytes(text)).toThrow(NetlinkError);
  });

  test('agrees with Node on random text', () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (let i = 0; i < 20_000; i++) {
      const text = Array.from({ length: random(12) + 2 }, () => '0123:::.af'[random(10)]).join('');
      let ours = 0;
      try {
        ours = ipBytes(text).length === 4 ? 4 : 6;
      } catch {}
      expect([text, ours]).toEqual([text, isIP(text)]);
    }
  });

  test('the family follows from the text', () => {
    expect([familyOf('10.0.0.1'), familyOf('::')]).toEqual([2, 10]);
  });
});

describe('MAC addresses', () => {
  test('are read in lower case and written from either', () => {
    const bytes = Buffer.alloc(8);
    writeMac('02:42:0A:00:ff:05', bytes, 1);
    expect(bytes.toString('hex')).toBe('0002420a00ff0500');
    expect(readMac(bytes, 1)).toBe('02:42:0a:00:ff:05');
  });
  test.each([
    '',
    '02:42:0a:00:00',
    '02:42:0a:00:00:0',
    '02-42-0a-00-00-05',
    '02:42:0a:00:00:0g',
    '02:42:0a:00:00:05:06',
  ])('%j is none', (text) =>
    expect(() => writeMac(text, Buffer.alloc(8), 0)).toThrow(/is not a MAC address/),
  );
});
