import { LabError } from '#lab/lab-error.ts';
import type { LabHost } from '#lab/layout.ts';
import { run, runOrThrow } from '#lab/run.ts';
import type { Bench } from './bench.ts';
import { attachTo, type Member, startCluster } from './cluster.ts';
import { stop } from './daemon.ts';
import { atLeast, type Figures, figure } from './figure.ts';
import { type Ground, onGround } from './ground.ts';
import { buildTunnelByHand, masquerade } from './tunnel-by-hand.ts';
import { type Blocks, MEASURES, medianOf, medianRatio, type Path, Turns } from './turns.ts';

/**
 * What containers on two hosts can send each other, next to the same tunnel built with `ip` between two other hosts, in
 * turns: one TCP stream, round trips of a byte, packets of 64 bytes. Without segmentation offload on the underlay each packet
 * is received by itself, and costs its full price; a network card merges them before anybody looks at them (GRO), which is
 * measured, too. In a network without a way out, and in one with: next to that the other hosts masquerade, so that
 * connections are tracked on both sides.
 */
export const dataplane: Bench = async (options) => {
  await run('ethtool', ['--version']).catch(() => {
    throw new LabError('this bench needs ethtool', 'make bench installs it, or apt-get install ethtool');
  });
  const report: DataplaneReport = { metrics: {}, floor: {}, ratios: {} };
  for (const network of ['closed', 'open'] as const)
    await onGround(options, [1, 1, 2, 2], async (ground) => {
      const [first, second, ...others] = ground.layout.hosts as [LabHost, LabHost, LabHost, LabHost];
      const shape = { hosts: [first, second], internal: network === 'closed' };
      const members = (await startCluster(ground, shape)) as [Member, Member];
      const hand = await buildTunnelByHand(ground, others);
      if (network === 'open') await masquerade(ground, others);
      const turns = await Turns.open({ weft: await weftPath(members), hand });
      for (const offload of OFFLOADS) {
        await setOffload(ground, offload);
        const repeats: Blocks<'weft' | 'hand'>[] = [];
        for (let i = 0; i < (options.repeat ?? 4); i++) repeats.push(await turns.measure());
        addFigures(report, `${network}${offload}`, repeats);
      }
      await turns.close();
      await Promise.all(members.map(({ daemon }) => stop(daemon)));
    });
  return { name: 'dataplane', ...report };
};

type DataplaneReport = Record<'metrics' | 'floor' | 'ratios', Figures>;

async function weftPath([here, there]: [Member, Member]): Promise<Path> {
  await attachTo(here, here.containers[0]!);
  const { addresses } = await attachTo(there, there.containers[0]!);
  return { from: here.containers[0]!, to: there.containers[0]!, address: addresses[0]! };
}

const OFFLOADS = ['Offload', 'NoOffload', 'ReceiveOffload'] as const;

/** `ethtool -K eth0 tso on gso on gro off`, on each host's underlay; a veth merges only what comes from one without. */
async function setOffload({ layout, signal }: Ground, offload: (typeof OFFLOADS)[number]): Promise<void> {
  const onOff = (is: boolean) => (is ? 'on' : 'off');
  const sending = (is: boolean) => ['tso', onOff(is), 'gso', onOff(is)];
  const set = (namespace: string, device: string, words: string[]) =>
    runOrThrow('ethtool', ['-K', device, ...words], { namespace, signal });
  for (const [i, { namespace }] of layout.hosts.entries()) {
    const merged = offload === 'ReceiveOffload';
    await set(namespace, 'eth0', [...sending(offload === 'Offload'), 'gro', onOff(merged)]);
    await set(layout.fabric, `p${i + 1}`, sending(!merged));
  }
}

function addFigures(
  report: DataplaneReport,
  name: string,
  repeats: readonly Blocks<'weft' | 'hand'>[],
): void {
  for (const measure of MEASURES) {
    const key = `${name}${measure[0]!.toUpperCase()}${measure.slice(1)}`;
    const of = (way: 'weft' | 'hand') => figure(repeats.map((blocks) => medianOf(blocks, way, measure)));
    const ratios = repeats.map((blocks) => medianRatio(blocks, ['weft', 'hand'], measure));
    report.metrics = { ...report.metrics, [key]: of('weft') };
    report.floor = { ...report.floor, [key]: of('hand') };
    report.ratios = { ...report.ratios, [key]: atLeast(0.98, figure(ratios)) };
  }
}
