import { type Paint, padVisible, visibleLength } from '../paint.ts';
import { addressOf } from './probe.ts';
import type { DemoHost, Topology } from './report.ts';

const GAP = ' ';
/** Of a box's inside: room for a name and an address. */
const LEAST_WIDTH = 24;

/**
 * Hosts as boxes with their containers, standing on the underlay; those that do not fit beside each other stand below.
 *
 *     ┌─ h1 ───────────────────┐ ┌─ h2 ───────────────────┐
 *     │ ● blue  VNI 1048576    │ │ …                      │
 *     │   c1  10.1.0.2  fd01:: │ │                        │
 *     └──────────┬─────────────┘ └──────────┬─────────────┘
 *     ═══════════╧══════════════════════════╧══════════════
 */
export function drawTopology(topology: Topology, width: number, colours: Paint): string[] {
  const contents = topology.hosts.map((host) => hostLines(host, topology, colours));
  const inner = Math.max(LEAST_WIDTH, ...contents.flat().map(visibleLength));
  const height = Math.max(...contents.map((lines) => lines.length));
  const perRow = Math.max(1, Math.floor((width + GAP.length) / (inner + 4 + GAP.length)));
  const lines: string[] = [];
  for (let start = 0; start < topology.hosts.length; start += perRow) {
    const row = topology.hosts
      .slice(start, start + perRow)
      .map((host, i) => drawBox(host, contents[start + i]!, inner, height, colours));
    for (let line = 0; line < row[0]!.length; line++)
      lines.push(
        row
          .map((box) => box[line]!)
          .join(GAP)
          .trimEnd(),
      );
    lines.push(drawSegment(row.length, inner + 4));
  }
  const { subnets, mtu } = topology.underlay;
  lines.push(`${colours.bold('underlay')}  ${subnets.join('  ')}  MTU ${mtu}`);
  return lines;
}

function hostLines(host: DemoHost, { networks }: Topology, colours: Paint): string[] {
  return networks.flatMap(({ name, vni }, index) => {
    const members = host.containers.filter(({ network }) => network === name);
    const tunnel = host.tunnels.find((each) => each.vni === vni);
    if (!tunnel && members.length === 0) return [];
    const colour = colours.nth(index);
    const title = `${colour(`● ${name}`)}  ${colours.dim(tunnel ? `VNI ${tunnel.vni}` : 'no tunnel')}`;
    const width = Math.max(0, ...members.map((member) => addressOf(member, 4)?.length ?? 0));
    const rows = members.map((member) =>
      `  ${member.name.padEnd(3)} ${(addressOf(member, 4) ?? '').padEnd(width)}  ${addressOf(member, 6) ?? ''}`.trimEnd(),
    );
    return [title, ...rows];
  });
}

function drawBox(
  host: DemoHost,
  content: readonly string[],
  inner: number,
  height: number,
  colours: Paint,
): string[] {
  const blank = Array<string>(height - content.length).fill('');
  const stem = Math.floor((inner + 2) / 2);
  const ends = new Set([...host.tunnels.map(({ local }) => local), ...ownAddresses(host)]);
  return [
    `┌─ ${colours.bold(host.name)} ${'─'.repeat(inner - host.name.length - 1)}┐`,
    ...[...content, ...blank].map((line) => `│ ${padVisible(line, inner)} │`),
    `└${'─'.repeat(stem)}┬${'─'.repeat(inner + 1 - stem)}┘`,
    padVisible(`${' '.repeat(stem + 1)}│ ${legText(inner + 1 - stem, host.interface, [...ends])}`, inner + 4),
  ];
}

const ownAddresses = ({ addresses }: DemoHost): string[] =>
  addresses.filter((address) => !/^fe[89ab]/i.test(address)).map((address) => address.replace(/\/.*/, ''));

/** As much of "eth0 10.99.0.1 fd99::1" as fits beside the stem; the address where tunnels end comes first. */
function legText(width: number, name: string, addresses: readonly string[]): string {
  const [first = ''] = addresses;
  return [`${name} ${addresses.join(' ')}`, `${name} ${first}`, first, ''].find(
    (text) => text.length <= width,
  )!;
}

const drawSegment = (boxes: number, width: number): string => {
  const stem = Math.floor((width - 2) / 2);
  const part = `${'═'.repeat(stem + 1)}╧${'═'.repeat(width - stem - 2)}`;
  return Array<string>(boxes).fill(part).join('═');
};
