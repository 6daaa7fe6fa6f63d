import type { Paint } from '../paint.ts';
import { drawFrame } from './draw-frame.ts';
import { drawMatrix } from './draw-matrix.ts';
import { drawTopology } from './draw-topology.ts';
import { drawUnderlay } from './draw-underlay.ts';
import type { DemoReport } from './report.ts';
import { wrapText } from './wrap-text.ts';

const INDENT = '   ';
/** Of the whole, where the terminal is not narrower. */
const MOST_COLUMNS = 100;

/** The demo for people: what there is, that it reaches and does not leak, and what a frame on the underlay proves. */
export function drawReport(report: DemoReport, colours: Paint, columns = MOST_COLUMNS): string {
  const { frame } = report;
  const width = Math.min(columns, MOST_COLUMNS) - INDENT.length;
  const sections = [
    section('The lab', topologyLines(report, width, colours), colours),
    ...reachSections(report, colours),
    ...(report.isolation.length > 0
      ? [section('Between networks', isolationLines(report, width, colours), colours)]
      : []),
    ...(frame
      ? [
          section(
            `One frame, caught on ${frame.interface} of ${frame.host} at ${frame.time.slice(11, 23)} UTC, ${frame.length} bytes`,
            [...drawFrame(frame, colours), '', ...wrapText(frame.sentence, width)],
            colours,
          ),
        ]
      : []),
    section('What crossed the underlay', drawUnderlay(report, width, colours), colours),
  ];
  return `\n${sections.join('\n\n')}\n`;
}

const section = (title: string, lines: readonly string[], colours: Paint): string =>
  [` ${colours.bold(title)}`, '', ...lines.map((line) => (line === '' ? '' : INDENT + line))].join('\n');

function topologyLines({ topology }: DemoReport, width: number, colours: Paint): string[] {
  const caption =
    'Each box is a network namespace that plays a host, with an agent of its own and containers. Each ● is a ' +
    'network: on every host a bridge and a VXLAN device, which carries frames for other hosts over the underlay in UDP.';
  return [...drawTopology(topology, width, colours), '', ...wrapText(caption, width).map(colours.dim)];
}

function reachSections(report: DemoReport, colours: Paint): string[] {
  return report.topology.networks.flatMap(({ name, subnets, mode }, index) =>
    report.reach.every(({ fromNetwork }) => fromNetwork !== name)
      ? []
      : section(
          `Who reaches whom in ${colours.nth(index)(name)} (${subnets.join(', ')}, ${mode}): ping in ms by IPv4/IPv6`,
          drawMatrix(report, name, colours),
          colours,
        ),
  );
}

function isolationLines({ isolation, verdict }: DemoReport, width: number, colours: Paint): string[] {
  const pings = isolation.reduce((sum, { sent }) => sum + sent, 0);
  const tried =
    `${pings} pings from containers of each network to containers of the others, sent straight onto their own ` +
    "network's wire (IPv4 by ping -I, IPv6 to link-local addresses), so that no missing route could hide a leak:";
  const outcome =
    verdict.leaked === 0
      ? colours.good('none was answered. The networks do not see each other.')
      : colours.bad(`${verdict.leaked} pairs answered. The networks leak!`);
  return [...wrapText(tried, width), outcome];
}
