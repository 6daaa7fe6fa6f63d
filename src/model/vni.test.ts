import { expect, it } from 'vitest';
import { MAX_VNI, parseVni } from './vni.ts';

it.each([1, 4096, 1_048_576, 2 ** 24 - 1])('%s is a VNI', (value) => {
  expect(parseVni(value)).toEqual({ ok: true, value });
});

it.each([0, 2 ** 24, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('%s is none', (value) => {
  expect(parseVni(value)).toEqual({
    ok: false,
    problem: 'is not a VNI',
    fix: `use a whole number from 1 to ${MAX_VNI}, or leave it out`,
  });
});
