import { expect, test } from 'vitest';
import { formatPairs } from './pairs.ts';
import { styleFor } from './style.ts';
import { wrapWords } from './wrap.ts';

test.each([
  ['one two three', 20, ['one two three']],
  ['one two three', 7, ['one two', 'three']],
  ['one fd00:0:0:1::1 two', 6, ['one', 'fd00:0:0:1::1', 'two']],
])('%s in %i columns', (text, width, lines) => {
  expect(wrapWords(text, width)).toEqual(lines);
});

test('the values of pairs are broken where they stand', () => {
  const terminal = { write: () => {}, isTTY: true, columns: 20 };
  const style = styleFor(terminal, { NO_COLOR: '1' });
  expect(formatPairs('net', [['mode', 'proxy for every MAC']], style)).toBe(
    ['net', '  mode  proxy for', '        every MAC', ''].join('\n'),
  );
  const pipe = styleFor({ write: () => {} }, {});
  expect(formatPairs('net', [['mode', 'x '.repeat(200).trim()]], pipe).split('\n')).toHaveLength(3);
});
