import { describe, expect, it } from 'vitest';
import { type Fault, fault, formatFault, isRejection, reject, showValue, take } from './fault.ts';
import { parsed, unparsed } from './parsed.ts';

describe('showValue', () => {
  it.each([
    ['10.1.0.0/24', '10.1.0.0/24'],
    ['größe 名前 😀', 'größe 名前 😀'],
    [7, '7'],
    [0n, '0'],
    [Number.NaN, 'NaN'],
    [undefined, 'undefined'],
    [null, 'null'],
    [{ a: [1, 2n] }, '{"a":[1,"2"]}'],
    ['a\nb', 'a\\u{a}b'],
    ['\u001b[31mred', '\\u{1b}[31mred'],
    ['safe\u202eexe.', 'safe\\u{202e}exe.'],
    ['a\u200bb\u2028c', 'a\\u{200b}b\\u{2028}c'],
    ['half \ud83d', 'half \\u{d83d}'],
  ])('shows %# as %s', (value, shown) => {
    expect(showValue(value)).toBe(shown);
  });

  it('cuts what is long and says how long it was', () => {
    expect(showValue('x'.repeat(80))).toBe('x'.repeat(80));
    expect(showValue('x'.repeat(300))).toBe(`${'x'.repeat(60)}… (300 characters)`);
    expect(showValue('\0'.repeat(1_000_000)).length).toBeLessThan(500);
  });
});

it('take gives the value, or keeps the fault with its field', () => {
  const faults: Fault[] = [];
  expect(take(faults, 'vni', '7', parsed(7))).toBe(7);
  expect(faults).toEqual([]);
  expect(take(faults, 'vni', 0, unparsed('is not a VNI', 'use 1'))).toBeUndefined();
  expect(faults).toEqual([{ field: 'vni', value: '0', problem: 'is not a VNI', fix: 'use 1' }]);
});

it('reads as one sentence', () => {
  expect(formatFault(fault('vni', 0, 'is not a VNI', 'use 1'))).toBe('vni "0": is not a VNI; use 1');
});

it('a rejection is known by its outcome', () => {
  expect(isRejection(reject('invalid', fault('vni', 0, 'is not a VNI', 'use 1')))).toBe(true);
  for (const value of [undefined, null, 'rejected', {}, { outcome: 'admitted' }])
    expect(isRejection(value)).toBe(false);
});
