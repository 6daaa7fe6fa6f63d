import { absenceOf, ENGINES, type EngineVersion, fetchDocker } from '../test/world/docker-engine.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { type Joins, measureConnects, measureFirstPing, measureRuns } from './docker/joins.ts';
import { type Lookups, measureLookups } from './docker/lookups.ts';
import {
  addressOf,
  KINDS,
  type Kind,
  nameSandbox,
  networkOf,
  onStage,
  REMOTE,
  type RemoteKind,
  type Stage,
} from './docker/stage.ts';
import { atLeast, atMost, type Figure, figure, median, ratio } from './figure.ts';
import { compileFloor } from './floor.ts';
import { type Blocks, MEASURES, medianOf, medianRatio, type Path, Turns } from './turns.ts';

const CONNECTS = 7;
const RUNS = 3;
const FIRST_PINGS = 6;

interface Round {
  readonly joins: Partial<Record<Kind, Joins>>;
  readonly lookups: Partial<Record<RemoteKind, Lookups>>;
  readonly blocks: Blocks<RemoteKind>;
}

/**
 * Weft as a network driver of Docker, next to Swarm's overlay on the same two engines, to a local bridge, and to a
 * driver that only makes a veth pair: joining and leaving, running, look-ups of a name, what containers can send.
 */
export const docker: Bench = async (options) => {
  fetchDocker();
  const lookups = await compileFloor('lookups');
  const report: Sections = { metrics: {}, floor: {}, ratios: {} };
  for (const version of ENGINES) {
    const absence = absenceOf(version);
    if (absence) console.error(absence);
    else addFigures(report, version, await measureEngine(options, version, lookups));
  }
  return { name: 'docker', ...report };
};

type Sections = Record<'metrics' | 'floor' | 'ratios', Record<string, Figure>>;

const measureEngine = (options: BenchOptions, version: EngineVersion, lookups: string): Promise<Round[]> =>
  onStage(options.program, version, async (stage) => {
    const remote = remoteKinds(stage);
    const paths: Partial<Record<RemoteKind, Path>> = {};
    for (const kind of remote) {
      await stage.world.engine('h1').run(`${kind}-here`, '--network', networkOf(kind));
      const [from, to] = [
        await nameSandbox(stage, 'h1', `${kind}-here`),
        await nameSandbox(stage, 'h2', REMOTE[kind]),
      ];
      paths[kind] = { from, to, address: await addressOf(stage, kind) };
    }
    const turns = await Turns.open(paths as Record<RemoteKind, Path>);
    const rounds: Round[] = [];
    // The first of each kind is not measured: the engine finds its plugin, and makes what it keeps.
    await measureJoins(stage, 1);
    for (let i = 0; i < (options.repeat ?? 3); i++) {
      const round: Round = { joins: await measureJoins(stage), lookups: {}, blocks: await turns.measure() };
      for (const kind of remote)
        round.lookups[kind] = await measureLookups(stage, kind, paths[kind]!.from, lookups);
      rounds.push(round);
    }
    await turns.close();
    return rounds;
  });

const remoteKinds = ({ kinds }: Stage): RemoteKind[] =>
  kinds.filter((kind): kind is RemoteKind => kind in REMOTE);

async function measureJoins(stage: Stage, count?: number): Promise<Partial<Record<Kind, Joins>>> {
  const joins: Partial<Record<Kind, Joins>> = {};
  for (const kind of stage.kinds) {
    joins[kind] = { connect: [], disconnect: [], run: [], firstPing: [] };
    await measureConnects(stage, kind, count ?? CONNECTS, joins[kind]);
    await measureRuns(stage, kind, count ?? RUNS, joins[kind]);
  }
  // They are short: by turns.
  for (let i = 0; i < (count ?? FIRST_PINGS); i++)
    for (const kind of remoteKinds(stage)) await measureFirstPing(stage, kind, joins[kind]!);
  return joins;
}

const LOOKUPS = ['perSecond', 'perCoreSecond', 'p50Us', 'p99Us'] as const;
const JOINS = ['connect', 'disconnect', 'run', 'firstPing'] as const;

/** By measure, a value a round. */
function valuesOf(rounds: readonly Round[], kind: Kind): Record<string, number[]> {
  const values: Record<string, number[]> = {};
  const add = (name: string, of: (round: Round) => number | undefined) => {
    const each = rounds.flatMap((round) => of(round) ?? []);
    if (each.length > 0) values[name] = each;
  };
  for (const name of JOINS)
    add(`${name}Ms`, ({ joins }) => (joins[kind]?.[name].length ? median(joins[kind][name]) : undefined));
  for (const name of LOOKUPS)
    add(`lookups${capital(name)}`, ({ lookups }) => lookups[kind as RemoteKind]?.[name]);
  if (kind in REMOTE)
    for (const name of MEASURES)
      add(name, ({ blocks }) =>
        kind in blocks[0]! ? medianOf(blocks, kind as RemoteKind, name) : undefined,
      );
  return values;
}

const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1);

/** What Weft is held to, and beside whom. */
const RATIOS: readonly (readonly [string, Kind, (measured: Figure) => Figure])[] = [
  ['connectMs', 'veth', (measured) => atMost(1.1, measured)],
  ['disconnectMs', 'bridge', (measured) => atMost(1, measured)],
  ['runMs', 'bridge', (measured) => atMost(1.1, measured)],
  ['firstPingMs', 'swarm', (measured) => atMost(1, measured)],
];
const GOALS: Readonly<Record<string, (measured: Figure) => Figure>> = {
  lookupsPerCoreSecond: (measured) => atLeast(50_000, measured),
  lookupsP99Us: (measured) => atMost(1000, measured),
};

function addFigures(report: Sections, version: EngineVersion, rounds: readonly Round[]): void {
  const values = Object.fromEntries(KINDS.map((kind) => [kind, valuesOf(rounds, kind)]));
  for (const kind of KINDS)
    for (const [name, each] of Object.entries(values[kind]!))
      if (kind === 'weft') report.metrics[`${version} ${name}`] = (GOALS[name] ?? ((it) => it))(figure(each));
      else report.floor[`${version} ${kind} ${name}`] = figure(each);
  for (const [name, kind, goal] of RATIOS) {
    const [ours, theirs] = [values.weft![name], values[kind]![name]];
    if (ours && theirs) report.ratios[`${version} ${name} to ${kind}`] = goal(ratio(ours, theirs));
  }
  if (!values.weft!.Gbps) return;
  for (const name of MEASURES) {
    const ratios = rounds.map(({ blocks }) => medianRatio(blocks, ['weft', 'swarm'], name));
    report.ratios[`${version} ${name} to swarm`] = atLeast(1, figure(ratios));
  }
}
