import type { Family } from '#model/ip.ts';
import { type Paint, padVisible, visibleLength } from '../paint.ts';
import type { DemoReport, Probe } from './report.ts';

/** A row label and that many columns fit into 100 characters. */
const MOST_COLUMNS = 8;

/** Round-trip times within one network, in both families: who (row) pings whom (column). */
export function drawMatrix(report: DemoReport, network: string, colours: Paint): string[] {
  const probes = report.reach.filter(({ fromNetwork }) => fromNetwork === network);
  const members = [...new Set(probes.map(({ from }) => from))];
  const shown = pickMembers(members);
  const cell = (from: string, to: string) =>
    from === to ? colours.dim('·') : cellText(probes, from, to, colours);
  const rows = shown.map((from) => [colours.bold(from), ...shown.map((to) => cell(from, to))]);
  const table = alignColumns([['', ...shown.map((to) => colours.bold(to))], ...rows]);
  const hidden = members.length - shown.length;
  return hidden === 0 ? table : [...table, colours.dim(`and ${hidden} more containers: see --json`)];
}

/** All, or when they are too many the first of each host. */
function pickMembers(members: readonly string[]): string[] {
  if (members.length <= MOST_COLUMNS) return [...members];
  const hosts = new Map(members.toReversed().map((member) => [member.split('/')[0], member]));
  return [...hosts.values()].reverse().slice(0, MOST_COLUMNS);
}

function cellText(probes: readonly Probe[], from: string, to: string, colours: Paint): string {
  const time = (family: Family) => {
    const probe = probes.find((each) => each.from === from && each.to === to && each.family === family);
    if (!probe) return colours.dim('-');
    if (probe.rttMs === undefined) return colours.bad('lost');
    return (sameHost(from, to) ? colours.dim : colours.good)(probe.rttMs.toFixed(2));
  };
  return `${time(4)}${colours.dim('/')}${time(6)}`;
}

/** Through the bridge only, no tunnel. */
const sameHost = (from: string, to: string): boolean => from.split('/')[0] === to.split('/')[0];

function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => visibleLength(row[column]!))));
  return rows.map((row) =>
    row
      .map((text, column) => padVisible(text, widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
