import { countOf } from '../count-of.ts';
import type { Paint } from '../paint.ts';
import { containerLabel, containersOf } from './probe.ts';
import type { DemoReport, Resolution } from './report.ts';
import { wrapText } from './wrap-text.ts';

/** How the MAC address of the first ping's destination was found, and what the hosts sent through their tunnels. */
export function drawUnderlay(report: DemoReport, width: number, colours: Paint): string[] {
  const { topology, resolution, verdict } = report;
  if (topology.hosts.length === 1) return ['Nothing: there is only one host.'];
  if (!report.frame) return ['Nothing: no container had another to speak with on another host.'];
  const crossed =
    verdict.crossed === 0
      ? []
      : [colours.bad(`${verdict.crossed} questions crossed that mode proxy should answer!`)];
  return [
    ...(resolution ? [...wrapText(explainResolution(resolution, report), width), ''] : []),
    ...wrapText(countFrames(report), width),
    ...crossed,
  ];
}

function explainResolution(resolution: Resolution, { topology }: DemoReport): string {
  const { container, network, target, requests, answer, copiesOnUnderlay } = resolution;
  const owner = containersOf(topology).find(({ mac }) => mac === answer?.mac);
  const asked = `Before its first ping ${container} asked by ARP who has ${target} (${countOf(requests, 'request')}).`;
  const answered = answer
    ? `The answer came after ${Math.round(answer.afterMicroseconds)} µs: ${answer.mac}` +
      `${owner ? `, which is ${containerLabel(owner)}` : ''}.`
    : 'No answer was seen.';
  const mode = topology.networks.find(({ name }) => name === network)!.mode;
  const way =
    copiesOnUnderlay > 0
      ? `In mode ${mode} the question crossed the underlay in ${countOf(copiesOnUnderlay, 'copy', 'copies')}, one to each other VTEP.`
      : answer
        ? `Question and answer stayed inside ${container.split('/')[0]}: in mode ${mode} its own VXLAN device answers.`
        : 'Nor was the question seen on the underlay.';
  return `${asked} ${answered} ${way}`;
}

function countFrames({ underlay }: DemoReport): string {
  const count = (...kinds: readonly string[]) =>
    kinds.reduce((sum, kind) => sum + (underlay.tunnelled[kind] ?? 0), 0);
  return (
    `While the pings ran (${underlay.seconds.toFixed(1)} s) the hosts sent through their tunnels ` +
    `${count('icmp-echo')} ICMP echo frames, ${count('arp-request', 'arp-reply')} ARP and ` +
    `${count('neighbour-solicitation', 'neighbour-advertisement')} neighbour discovery. Not counted among these: ` +
    `${countOf(count('mld'), 'multicast listener report')} and ${countOf(count('router-solicitation'), 'router solicitation')}, ` +
    'which every Linux interface sends by itself.' +
    (underlay.dropped > 0 ? ` The capture lost ${countOf(underlay.dropped, 'frame')}.` : '')
  );
}
