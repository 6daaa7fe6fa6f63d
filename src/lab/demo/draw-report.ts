import type { Paint } from '../paint.ts';
import { drawFrame } from './draw-frame.ts';
import { drawMatrix } from './draw-matrix.ts';
import { drawTopology } from './draw-topology.ts';
import type { DemoReport, Resolution } from './report.ts';

const WIDTH = 100;

/** The demo for people: what there is, that it reaches and does not leak, and what a frame on the underlay proves. */
export function drawReport(report: DemoReport, colours: Paint): string {
  const { topology, frame } = report;
  const sections = [
    section('The lab', drawTopology(topology, colours), colours),
    ...topology.networks.map(({ name, subnets, mode }, index) =>
      section(
        `Who reaches whom in ${colours.nth(index)(name)} (${subnets.join(', ')}, ${mode}): ms by IPv4/IPv6`,
        indent(drawMatrix(report, name, colours)),
        colours,
      ),
    ),
    section('Between networks', indent(isolationLines(report, colours)), colours),
    ...(frame
      ? [
          section(
            `One frame, caught on ${frame.interface} of ${frame.host} at ${frame.time.slice(11, 23)} UTC, ${frame.length} bytes`,
            indent([...drawFrame(frame, colours), '', ...wrap(frame.sentence, WIDTH - 4)]),
            colours,
          ),
        ]
      : []),
    section('What crossed the underlay', indent(underlayLines(report)), colours),
  ];
  return `\n${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

const section = (title: string, lines: readonly string[], colours: Paint): string[] => [
  ` ${colours.bold(title)}`,
  '',
  ...lines,
];
const indent = (lines: readonly string[]): string[] => lines.map((line) => (line === '' ? '' : `   ${line}`));

function isolationLines({ isolation, verdict }: DemoReport, colours: Paint): string[] {
  if (isolation.length === 0) return ['There is only one network.'];
  const pings = isolation.reduce((sum, { sent }) => sum + sent, 0);
  const tried =
    `${pings} pings from containers of each network to containers of the others, sent straight onto their own ` +
    "network's wire (IPv4 by ping -I, IPv6 to link-local addresses) so that no missing route could hide a leak:";
  const outcome =
    verdict.leaked === 0
      ? colours.good('none was answered. The networks do not see one another.')
      : colours.bad(`${verdict.leaked} pairs answered. The networks leak!`);
  return [...wrap(tried, WIDTH - 4), outcome];
}

function underlayLines(report: DemoReport): string[] {
  const { underlay, resolution, topology } = report;
  const count = (kind: string) => underlay.tunnelled[kind] ?? 0;
  const counts =
    `In ${underlay.seconds.toFixed(1)} s of pings the hosts sent through their tunnels: ${count('icmp-echo')} ICMP echo ` +
    `frames, ${count('arp-request') + count('arp-reply')} ARP, ` +
    `${count('neighbour-solicitation') + count('neighbour-advertisement')} neighbour discovery. Not counted: ` +
    `${count('mld')} multicast listener reports and ${count('router-solicitation')} router solicitations, which every ` +
    'Linux interface sends.' +
    (underlay.dropped > 0 ? ` The capture lost ${underlay.dropped} frames.` : '');
  const asked = resolution ? explainResolution(resolution, topology.networks[0]!.mode) : [];
  return [...asked, ...wrap(counts, WIDTH - 4)];
}

function explainResolution(
  { container, target, requests, answer, copiesOnUnderlay }: Resolution,
  mode: string,
): string[] {
  const who = answer
    ? `after ${Math.round(answer.afterMicroseconds)} µs came the answer ${answer.mac}`
    : 'no answer was seen';
  const where =
    copiesOnUnderlay === 0
      ? `None of it crossed the underlay: the host's own VXLAN device answered (mode ${mode}).`
      : `It crossed the underlay ${copiesOnUnderlay} times, once to each VTEP that may have the answer (mode ${mode}).`;
  return wrap(
    `Before its first ping ${container} asked by ARP who has ${target} (${requests} request${requests === 1 ? '' : 's'}); ${who}. ${where}`,
    WIDTH - 4,
  );
}

/** Lines of at most `width` characters, broken between words. */
function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
