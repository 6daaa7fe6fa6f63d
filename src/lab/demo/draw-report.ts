import type { Paint } from '../paint.ts';
import { drawFrame } from './draw-frame.ts';
import { drawMatrix } from './draw-matrix.ts';
import { drawTopology } from './draw-topology.ts';
import { drawUnderlay } from './draw-underlay.ts';
import type { DemoReport } from './report.ts';
import { wrapText } from './wrap-text.ts';

const INDENT = '   ';
/** Of the text inside a section; the whole fits 100 columns. */
const WIDTH = 97;

/** The demo for people: what there is, that it reaches and does not leak, and what a frame on the underlay proves. */
export function drawReport(report: DemoReport, colours: Paint): string {
  const { frame } = report;
  const sections = [
    section('The lab', topologyLines(report, colours), colours),
    ...reachSections(report, colours),
    ...(report.isolation.length > 0
      ? [section('Between networks', isolationLines(report, colours), colours)]
      : []),
    ...(frame
      ? [
          section(
            `One frame, caught on ${frame.interface} of ${frame.host} at ${frame.time.slice(11, 23)} UTC, ${frame.length} bytes`,
            [...drawFrame(frame, colours), '', ...wrapText(frame.sentence, WIDTH)],
            colours,
          ),
        ]
      : []),
    section('What crossed the underlay', drawUnderlay(report, WIDTH, colours), colours),
  ];
  return `\n${sections.join('\n\n')}\n`;
}

const section = (title: string, lines: readonly string[], colours: Paint): string =>
  [` ${colours.bold(title)}`, '', ...lines.map((line) => (line === '' ? '' : INDENT + line))].join('\n');

function topologyLines({ topology }: DemoReport, colours: Paint): string[] {
  const caption =
    'Each box is a network namespace that plays a host, with an agent of its own and containers. Each ● is a ' +
    'network: on every host a bridge and a VXLAN device, which carries frames for other hosts over the underlay in UDP.';
  return [...drawTopology(topology, WIDTH, colours), '', ...wrapText(caption, WIDTH).map(colours.dim)];
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

function isolationLines({ isolation, verdict }: DemoReport, colours: Paint): string[] {
  const pings = isolation.reduce((sum, { sent }) => sum + sent, 0);
  const tried =
    `${pings} pings from containers of each network to containers of the others, sent straight onto their own ` +
    "network's wire (IPv4 by ping -I, IPv6 to link-local addresses), so that no missing route could hide a leak:";
  const outcome =
    verdict.leaked === 0
      ? colours.good('none was answered. The networks do not see each other.')
      : colours.bad(`${verdict.leaked} pairs answered. The networks leak!`);
  return [...wrapText(tried, WIDTH), outcome];
}
