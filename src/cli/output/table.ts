import { printable } from './printable.ts';
import type { Style } from './style.ts';

export interface Column<Row> {
  readonly title: string;
  /** A list stands on one line, and on several only where the terminal is too narrow. */
  readonly cell: (row: Row) => string | number | readonly string[];
  readonly align?: 'right';
  /** Left out where the terminal is too narrow, the last of them first. */
  readonly isSpare?: true;
  readonly paint?: (row: Row) => ((text: string) => string) | undefined;
}

const GAP = '  ';

/** Aligned columns under a line of titles. Without `width` (a pipe) every row is one line. Ends with a newline. */
export function formatTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: Style,
  width = Number.POSITIVE_INFINITY,
): string {
  const flat = rows.map((row) => columns.map((column) => cellLines(column.cell(row), false)));
  const cells =
    lineWidth(columnWidths(columns, flat)) <= width
      ? flat
      : rows.map((row) => columns.map((column) => cellLines(column.cell(row), true)));
  const widths = columnWidths(columns, cells);
  const spare = columns.findLastIndex(({ isSpare }) => isSpare);
  if (lineWidth(widths) > width && spare >= 0)
    return formatTable(columns.toSpliced(spare, 1), rows, style, width);
  const titles = columns.map(({ title, align }, i) => pad(title, widths[i]!, align));
  const lines = [style.bold(titles.join(GAP).trimEnd())];
  rows.forEach((row, r) => {
    lines.push(...rowLines(columns, row, cells[r]!, widths));
  });
  return `${lines.join('\n')}\n`;
}

function rowLines<Row>(
  columns: readonly Column<Row>[],
  row: Row,
  cells: string[][],
  widths: number[],
): string[] {
  const height = Math.max(...cells.map((cell) => cell.length));
  return Array.from({ length: height }, (_, h) => {
    const last = cells.findLastIndex((cell) => cell[h]);
    return columns
      .slice(0, last + 1)
      .map((column, i) => {
        const text = cells[i]![h] ?? '';
        const paint = column.paint?.(row);
        const padding = i === last && !column.align ? '' : ' '.repeat(widths[i]! - text.length);
        const painted = paint ? paint(text) : text;
        return column.align ? padding + painted : painted + padding;
      })
      .join(GAP);
  });
}

function cellLines(cell: string | number | readonly string[], stacked: boolean): string[] {
  const parts = (Array.isArray(cell) ? cell : [String(cell)]).map(printable);
  if (parts.length === 0) return ['-'];
  return stacked ? parts : [parts.join(', ') || '-'];
}

const columnWidths = <Row>(columns: readonly Column<Row>[], cells: readonly string[][][]): number[] =>
  columns.map(({ title }, i) =>
    cells.reduce((width, row) => Math.max(width, ...row[i]!.map((line) => line.length)), title.length),
  );

const lineWidth = (widths: readonly number[]): number =>
  widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);

const pad = (text: string, width: number, align?: 'right'): string =>
  align === 'right' ? text.padStart(width) : text.padEnd(width);
