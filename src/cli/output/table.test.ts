import { describe, expect, test } from 'vitest';
import { formatPairs } from './pairs.ts';
import { styleFor } from './style.ts';
import { type Column, formatTable } from './table.ts';
import { formatAge } from './units.ts';

const plain = styleFor({ write: () => {} }, {});
const coloured = styleFor({ write: () => {}, isTTY: true }, {});

interface Row {
  readonly name: string;
  readonly count: number;
  readonly addresses: readonly string[];
}
const columns: readonly Column<Row>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'COUNT', cell: ({ count }) => count, align: 'right' },
  { title: 'ADDRESSES', cell: ({ addresses }) => addresses },
];
const rows: readonly Row[] = [
  { name: 'a', count: 1, addresses: ['10.0.0.1', 'fd00::1'] },
  { name: 'longer', count: 1000000, addresses: [] },
];

describe('formatTable', () => {
  test('aligns columns, numbers to the right, without trailing blanks', () => {
    expect(formatTable(columns, rows, plain)).toBe(
      ['NAME      COUNT  ADDRESSES', 'a             1  10.0.0.1, fd00::1', 'longer  1000000  -', ''].join(
        '\n',
      ),
    );
  });

  test('stacks lists where the terminal is too narrow', () => {
    expect(formatTable(columns, rows, plain, 30)).toBe(
      [
        'NAME      COUNT  ADDRESSES',
        'a             1  10.0.0.1',
        '                 fd00::1',
        'longer  1000000  -',
        '',
      ].join('\n'),
    );
  });

  test('leaves spare columns out where that is not enough', () => {
    const spare = columns.map((column) =>
      column.title === 'COUNT' ? { ...column, isSpare: true as const } : column,
    );
    expect(formatTable(spare, rows, plain, 18)).toBe(
      ['NAME    ADDRESSES', 'a       10.0.0.1', '        fd00::1', 'longer  -', ''].join('\n'),
    );
  });

  test('text from outside cannot control the terminal', () => {
    const hostile = { name: '\u001b[2J\nx', count: 0, addresses: [] };
    expect(formatTable(columns, [hostile], plain)).toContain('\\u{1b}[2J\\u{a}x');
  });

  test('colours do not move columns', () => {
    const painted = columns.map((column) => ({ ...column, paint: () => coloured.red }));
    const escapes = /\u001b\[\d+m/g;
    const text = formatTable(painted, rows, coloured);
    expect(text).toMatch(escapes);
    const bare = text
      .replace(escapes, '')
      .split('\n')
      .map((line) => line.trimEnd());
    expect(bare.join('\n')).toBe(formatTable(columns, rows, plain));
  });
});

test('pairs: one line an item', () => {
  expect(
    formatPairs(
      'Thing',
      [
        ['id', 'x'],
        ['addresses', ['a', 'b']],
        ['none', []],
      ],
      plain,
    ),
  ).toBe('Thing\n  id         x\n  addresses  a\n             b\n  none       -\n');
});

test('colours only on a terminal, and not against NO_COLOR or a dumb one', () => {
  const terminal = { write: () => {}, isTTY: true };
  expect(styleFor(terminal, {}).red('x')).not.toBe('x');
  expect(styleFor(terminal, { NO_COLOR: '1' }).red('x')).toBe('x');
  expect(styleFor(terminal, { TERM: 'dumb' }).red('x')).toBe('x');
  expect(styleFor({ write: () => {} }, {}).red('x')).toBe('x');
});

test.each([
  [-5, '0 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [7_200_000, '2 h'],
  [200_000_000, '2 d'],
])('%i ms are %s', (ms, text) => {
  expect(formatAge(ms)).toBe(text);
});
