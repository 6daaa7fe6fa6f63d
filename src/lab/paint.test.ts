import { expect, test } from 'vitest';
import { padVisible, paint, visibleLength } from './paint.ts';

test('colours are for terminals, and do not count as width', () => {
  expect(paint({ isTTY: false }).bold('x')).toBe('x');
  const red = '\u001b[31mab\u001b[39m';
  expect(visibleLength(red)).toBe(2);
  expect(padVisible(red, 4)).toBe(`${red}  `);
});
