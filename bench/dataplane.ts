import { LabError } from '#lab/lab-error.ts';
import { run, runOrThrow } from '#lab/run.ts';
import type { Bench } from './bench.ts';
import { attachTo, type Member, startCluster } from './cluster.ts';
import { stop } from './daemon.ts';
import { atLeast, type Figures, figure } from './figure.ts';
import { type Ground, onGround } from './ground.ts';
import { buildTunnelByHand } from './tunnel-by-hand.ts';
import { type Blocks, MEASURES, medianOf, medianRatio, type Path, Turns } from './turns.ts';

/**
 * What containers on two hosts can send each other, next to the same tunnel built with `ip`, in turns: one TCP stream,
 * round trips of a byte, packets of 64 bytes. Without segmentation offload on the underlay each packet costs its full price.
 */
export const dataplane: Bench = async (options) => {
  await run('ethtool', ['--version']).catch(() => {
    throw new LabError('this bench needs ethtool', 'make bench installs it, or apt-get install ethtool');
  });
  return onGround(options, [3, 3], async (ground) => {
    const members = (await startCluster(ground)) as [Member, Member];
    const turns = await Turns.open({ weft: await weftPath(members), hand: await buildTunnelByHand(ground) });
    const report: { metrics: Figures; floor: Figures; ratios: Figures } = {
      metrics: {},
      floor: {},
      ratios: {},
    };
    for (const offload of ['on', 'off'] as const) {
      await setOffload(ground, offload);
      const repeats: Blocks<'weft' | 'hand'>[] = [];
      for (let i = 0; i < (options.repeat ?? 4); i++) repeats.push(await turns.measure());
      addFigures(report, offload === 'on' ? 'offload' : 'noOffload', repeats);
    }
    await turns.close();
    await Promise.all(members.map(({ daemon }) => stop(daemon)));
    return { name: 'dataplane', ...report };
  });
};

async function weftPath([here, there]: [Member, Member]): Promise<Path> {
  await attachTo(here, here.containers[0]!);
  const { addresses } = await attachTo(there, there.containers[0]!);
  return { from: here.containers[0]!, to: there.containers[0]!, address: addresses[0]! };
}

/** `ethtool -K eth0 tso on gso on`, on each host's underlay. */
async function setOffload({ layout, signal }: Ground, state: 'on' | 'off'): Promise<void> {
  const words = ['-K', 'eth0', 'tso', state, 'gso', state];
  for (const { namespace } of layout.hosts) await runOrThrow('ethtool', words, { namespace, signal });
}

function addFigures(
  report: { metrics: Figures; floor: Figures; ratios: Figures },
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
