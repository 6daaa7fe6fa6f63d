import { BlockList, isIP } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type Ip, ipFromNumber, ipToNumber, parseIp } from './ip.ts';

describe('parseIp', () => {
  it.each([
    ['10.1.0.5', '10.1.0.5'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['FD00:0:0::5', 'fd00::5'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['fd00:0001:0002:0003:0004:0005:0006:0007', 'fd00:1:2:3:4:5:6:7'],
    // RFC 5952, 4.2.2: one zero group is not shortened; 4.2.3: the longest run, the first among equals.
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['::ffff:10.1.0.5', '::ffff:a01:5'],
  ])('reads %s as %s', (text, canonical) => {
    expect(parseIp(text)).toEqual({ ok: true, value: canonical });
  });

  it.each([
    '',
    ' 10.1.0.5',
    '10.1.0.5\n',
    '10.1.0',
    '10.1.0.5.6',
    '10.1.0.256',
    '10.1.0.05',
    '0x0a.1.0.5',
    '10.1.0.-5',
    '167837701',
    '１０.1.0.5',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '1:2:3:4::5:6:7:8',
    '::12345',
    '::g',
    'fe80::1%eth0',
    '[::1]',
    '::10.1.0.256',
    '10.1.0.5::',
    '10.1.0.5/24',
    ':'.repeat(1_000_000),
    '1'.repeat(1_000_000),
  ])('refuses %.40j', (text) => {
    expect(parseIp(text)).toMatchObject({ ok: false, problem: 'is not an IP address' });
  });

  it('agrees with the reader of Node on random text', () => {
    const random = seeded(1);
    const alphabet = ['0', '1', '9', '25', '255', 'a', 'ffff', '.', ':', '::', '0000'];
    let read = 0;
    for (let i = 0; i < 20_000; i++) {
      const length = 1 + Math.floor(random() * 14);
      const text = Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join('');
      expect([text, parseIp(text).ok]).toEqual([text, isIP(text) !== 0]);
      if (isIP(text)) read++;
    }
    expect(read).toBeGreaterThan(100);
  });

  it('gives equal text for equal addresses, whatever way they are written', () => {
    const random = seeded(2);
    for (let i = 0; i < 5_000; i++) {
      const groups = Array.from({ length: 8 }, () => (random() < 0.6 ? 0 : Math.floor(random() * 65_536)));
      const long = groups.map((group) => group.toString(16).padStart(4, '0').toUpperCase()).join(':');
      const parsed = parseIp(long);
      if (!parsed.ok) throw new Error(long);
      const same = new BlockList();
      same.addAddress(long, 'ipv6');
      expect(same.check(parsed.value, 'ipv6')).toBe(true);
      expect(ipFromNumber(ipToNumber(parsed.value), 6)).toBe(parsed.value);
      // The browser's own RFC 5952 writer is the witness.
      expect(new URL(`http://[${long}]/`).hostname).toBe(`[${parsed.value}]`);
    }
  });
});

describe('ipFromNumber', () => {
  it.each([
    [0n, 4, '0.0.0.0'],
    [2n ** 32n - 1n, 4, '255.255.255.255'],
    [0x80000000n, 4, '128.0.0.0'],
    [0n, 6, '::'],
    [1n, 6, '::1'],
    [2n ** 128n - 1n, 6, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ] as const)('%s in family %s is %s', (number, family, ip) => {
    expect(ipFromNumber(number, family)).toBe(ip);
    expect(ipToNumber(ip as Ip)).toBe(number);
  });
});

/** Park-Miller: numbers from 0 to 1, the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
