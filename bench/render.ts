import type { Figure, Figures, Report } from './figure.ts';

const COLUMNS = ['', 'median', 'low … high', 'goal'] as const;

/** The report as a table for people. */
export function renderReport({ name, metrics, floor, ratios }: Report): string {
  const sections: [string, Figures][] = [
    [name, metrics],
    ['floor', floor],
    ['ratio', ratios],
  ];
  const rows = sections.flatMap(([title, figures]) => [
    [title, ...(title === name ? COLUMNS.slice(1) : [])],
    ...Object.entries(figures).map(([key, figure]) => cells(key, figure)),
  ]);
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row.map((cell, i) => (i === 1 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  '),
    )
    .map((line) => line.trimEnd())
    .join('\n');
}

const cells = (key: string, { median, low, high, goal }: Figure): string[] => [
  `  ${key}`,
  round(median),
  `${round(low)} … ${round(high)}`,
  goal ? `${goal.met ? '✓' : '✗'} ${goal.bound} ${round(goal.value)}` : '',
];

/** Three digits that count. */
const round = (value: number): string =>
  Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
