import { once } from 'node:events';
import { LabError } from '#lab/lab-error.ts';
import { run, runOrThrow, spawnIn } from '#lab/run.ts';
import type { Bench } from './bench.ts';
import { attachTo, type Member, startCluster } from './cluster.ts';
import { stop } from './daemon.ts';
import { atLeast, type Figures, figure, ratio } from './figure.ts';
import { compileFloor } from './floor.ts';
import { type Ground, onGround } from './ground.ts';
import { buildTunnelByHand } from './tunnel-by-hand.ts';

const RUN_SECONDS = 1;
const PING_PONG_MS = 600;
export const PORT = 5201;

/** A container that asks, and the one on the other host that answers. */
export interface Path {
  readonly from: string;
  readonly to: string;
  readonly address: string;
}

export interface Sample {
  readonly Gbps: number;
  readonly tripsPerSecond: number;
  readonly packetsPerSecond: number;
}
export const MEASURES = ['Gbps', 'tripsPerSecond', 'packetsPerSecond'] as const;
type Samples = Readonly<Record<'weft' | 'hand', Sample[]>>;

/**
 * What containers on two hosts can send each other, next to the same tunnel built with `ip`: one TCP stream, round
 * trips of a byte, packets of 64 bytes. Without segmentation offload on the underlay each packet costs its full price.
 */
export const dataplane: Bench = async (options) => {
  for (const program of ['iperf3', 'ethtool'])
    await run(program, ['--version']).catch(() => {
      throw new LabError(
        `this bench needs ${program}`,
        `make bench installs it, or apt-get install ${program}`,
      );
    });
  return onGround(options, [3, 3], async (ground) => {
    const pingPong = await compileFloor('pingpong');
    const members = (await startCluster(ground)) as [Member, Member];
    const paths = { weft: await weftPath(members), hand: await buildTunnelByHand(ground) };
    const servers = Object.values(paths).map(({ to }) =>
      spawnIn(to, 'iperf3', ['-s', '-p', String(PORT)], { stdio: 'ignore' }),
    );
    const report: { metrics: Figures; floor: Figures; ratios: Figures } = {
      metrics: {},
      floor: {},
      ratios: {},
    };
    for (const offload of ['on', 'off'] as const) {
      await setOffload(ground, offload);
      const samples: Samples = { weft: [], hand: [] };
      for (let i = 0; i < (options.repeat ?? 4); i++)
        // Neither is always the first.
        for (const side of i % 2 === 0 ? (['hand', 'weft'] as const) : (['weft', 'hand'] as const))
          samples[side].push(await measure(paths[side], pingPong));
      addFigures(report, offload === 'on' ? 'offload' : 'noOffload', samples);
    }
    await Promise.all(servers.map((child) => stop({ child })));
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

export async function measure(path: Path, pingPong: string): Promise<Sample> {
  const tcp = await iperf(path, []);
  const udp = await iperf(path, ['-u', '-b', '0', '-l', '64']);
  const { packets = 0, lost_packets: lost = 0, seconds = 1 } = udp.end.sum ?? {};
  return {
    Gbps: tcp.end.sum_received!.bits_per_second / 1e9,
    tripsPerSecond: await roundTrips(path, pingPong),
    packetsPerSecond: (packets - lost) / seconds,
  };
}

interface IperfJson {
  readonly end: {
    readonly sum_received?: { readonly bits_per_second: number };
    readonly sum?: { readonly packets?: number; readonly lost_packets?: number; readonly seconds?: number };
  };
}

/** Sender and receiver each on a processor of its own. */
async function iperf({ from, address }: Path, words: readonly string[]): Promise<IperfJson> {
  const all = ['-c', address, '-p', String(PORT), '-t', String(RUN_SECONDS), '-A', '0,1', '-J', ...words];
  return JSON.parse(await runOrThrow('iperf3', all, { namespace: from }));
}

async function roundTrips({ from, to, address }: Path, program: string): Promise<number> {
  const port = String(PORT + 1);
  const server = spawnIn(to, program, ['serve', port], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout!, 'data');
  const gone = once(server, 'exit');
  const text = await runOrThrow(program, ['ask', address, port, String(PING_PONG_MS)], { namespace: from });
  await gone;
  return Number(text);
}

function addFigures(
  report: { metrics: Figures; floor: Figures; ratios: Figures },
  name: string,
  { weft, hand }: Samples,
): void {
  for (const measure of MEASURES) {
    const ours = weft.map((sample) => sample[measure]);
    const floors = hand.map((sample) => sample[measure]);
    const key = `${name}${measure[0]!.toUpperCase()}${measure.slice(1)}`;
    report.metrics = { ...report.metrics, [key]: figure(ours) };
    report.floor = { ...report.floor, [key]: figure(floors) };
    report.ratios = { ...report.ratios, [key]: atLeast(0.98, ratio(ours, floors)) };
  }
}
