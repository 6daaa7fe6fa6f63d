import { GATEWAY_USES, PORT_SECURITIES } from '#model/records.ts';
import { ADOPTING_MODES, TUNNEL_MODES, type TunnelMode } from '#model/tunnel-mode.ts';
import { type Action, type Scenario, VANDALISMS, type Vandalism } from './action.ts';
import { BRIDGES } from './bridges.ts';
import { Random } from './random.ts';

/** What all actions of a scenario are drawn from. */
interface Shape extends Omit<Scenario, 'actions'> {
  /** The tunnel modes that its users know. */
  readonly modes: readonly TunnelMode[];
  readonly vandalisms: readonly Vandalism[];
  /** How many of those who join ask for an address. */
  readonly fixedShare: number;
}

type Kind = Action['do'];
type Draw = (random: Random, shape: Shape) => object;
/** What it is, how often it comes beside others, and its words. */
type Wish = readonly [kind: Kind, weight: number, draw: Draw];

const all =
  (...draws: readonly Draw[]): Draw =>
  (random, shape) =>
    Object.assign({}, ...draws.map((draw) => draw(random, shape)));
const pick =
  (word: string, values: readonly unknown[]): Draw =>
  (random) => ({ [word]: random.pick(values) });
const chance =
  (word: string, probability: number): Draw =>
  (random) => ({ [word]: random.chance(probability) });

const host: Draw = (random, { hosts }) => ({ host: random.below(hosts) });
const network: Draw = (random, { networks }) => ({ network: random.below(networks) });
const container: Draw = (random, { containers }) => ({ container: random.below(containers) });
const rival = chance('rival', 0.3);
const choice: Draw = (random) => ({ choice: random.below(100) });
const bridge = pick('bridge', BRIDGES);
const station = pick('station', [0, 1, 2, 3]);
const peer = pick('peer', [0, 1]);
const death: Draw = (random) => ({ effects: random.below(12), where: random.pick(['before', 'after']) });
/** What promises are made by, and what engines wait for. */
const DEADLY = [
  'publish',
  'journal-put',
  'journal-delete',
  'apply',
  'answer',
  'ask-hold',
  'seek-end',
  'seek-end',
];
const deathOfAgent: Draw = (random, shape) =>
  random.chance(0.4)
    ? death(random, shape)
    : {
        at: random.pick(DEADLY),
        effects: random.pick([0, 0, 1, 2]),
        where: random.pick(['before', 'after']),
      };
const pause: Draw = (random) => ({
  forMs: Math.floor(random.between(100, random.chance(0.3) ? 40_000 : 6_000)),
});
/** Few, so that many want the same. */
const fixedAddress: Draw = (random, { fixedShare }) =>
  random.chance(fixedShare) ? { address: 2 + random.below(10) } : {};
/** Numbers of networks that adopt; all others have bridges of their own. */
const ADOPTING = [10, 11];
const adopting = all(pick('network', ADOPTING), pick('mode', ADOPTING_MODES));

/** A network's tunnels, who leaves it by whom, and whether forged frames pass. */
const likeNetwork: Draw = (random, { modes }) => ({
  mode: random.pick(modes),
  manner: {
    gateway: random.pick(GATEWAY_USES),
    internal: random.chance(0.2),
    portSecurity: random.chance(0.8) ? 'on' : 'off',
  },
});

const changeNetwork: Draw = (random, { networks, modes }) => ({
  network: random.below(networks),
  ...(random.chance(0.6) && { mode: random.pick(modes) }),
  ...(random.chance(0.4) && { port: random.pick([4789, 4790]) }),
  ...(random.chance(0.3) && { mtu: random.pick([1450, 1400]) }),
  ...(random.chance(0.2) && { portSecurity: random.pick(PORT_SECURITIES) }),
  force: random.chance(0.3),
});

/** What users do. */
const WISHES: readonly Wish[] = [
  ['attach', 10, all(host, container, network, fixedAddress)],
  ['detach', 6, all(host, container, network, pick('by', ['id', 'name', 'path']))],
  ['end container', 2, all(host, container, chance('amid', 0.5))],
  ['create network', 2, all(network, likeNetwork, rival)],
  ['change network', 2, changeNetwork],
  ['remove network', 1, all(network, rival)],
  ['start through door', 6, all(host, network, fixedAddress)],
  ['stop through door', 3, all(host, choice)],
  ['ask', 6, all(host, network, choice, pick('by', ['ip', 'ip', 'ip', 'ip', 'mac']))],
  ['add peer', 2, all(network, peer, chance('mac', 0.7))],
  ['remove peer', 1, all(network, peer)],
  ['publish port', 5, all(choice, pick('port', [8_080, 8_081, 8_082]), chance('isNarrow', 0.3), rival)],
  ['unpublish port', 2, choice],
  ['expose network', 3, all(host, network, fixedAddress)],
  ['hide network', 2, all(host, network)],
  ['adopt bridge', 6, all(host, bridge, adopting)],
];

/** What users do with bridges that are adopted. */
const WISHES_OF_ADOPTED: readonly Wish[] = [
  ['disown bridge', 2, all(host, bridge)],
  ['remake bridge', 1, all(host, bridge)],
  ['station comes', 6, all(host, bridge, station)],
  ['station goes', 2, station],
  ['change network', 1, all(adopting, chance('force', 0.3))],
  ['remove network', 0.5, all(adopting, rival)],
];

/** What goes wrong: each at a rate of its own. */
const FAULTS: { readonly [kind in Kind]?: Draw } = {
  'kill agent': all(host, deathOfAgent),
  'kill controller': death,
  cut: all(host, pause),
  stall: all(host, pause),
  slow: all(host, pause, (random) => ({ byMs: Math.floor(random.between(20, 900)) })),
  'lose connections': host,
  reboot: host,
  'move VTEP': all(host, pick('to', [0, 1, 2])),
  'fill journal': all(host, pause),
  'fill store': pause,
  compact: () => ({}),
  'refuse ops': all(
    host,
    pick('kind', ['namespace', 'link', 'address', 'fdb', 'neighbour']),
    pick('errno', ['ENOMEM', 'EBUSY', 'EINVAL']),
    pick('times', [1, 2, 3, 4, 5, 6]),
  ),
  'interrupt looks': all(host, pick('times', [1, 2, 3, 4])),
  vandalise: all(host, choice, (random, { vandalisms }) => ({ how: random.pick(vandalisms) })),
  'delete late': choice,
  'evict host': all(host, rival),
  'set clock': (random, shape) => ({
    ...(random.chance(0.7) && host(random, shape)),
    byMs: random.pick([-1, 1]) * random.pick(CLOCK_JUMPS_MS),
  }),
  'restore store': (random) => ({ most: 1 + random.below(20) }),
};

/** By a second, an hour, a year, and back to 1970. */
const CLOCK_JUMPS_MS = [1_000, 3_600_000, 31_536_000_000, 1_700_000_000_000];

/** So hard that little else would be seen beside it. */
const RARE: ReadonlySet<string> = new Set(['evict host', 'restore store']);

/** What happens together finds more than what happens apart, and most when it happens to the same. */
interface Moment {
  readonly atMs: number;
  readonly place: { readonly host: number; readonly container: number; readonly network: number };
}

/**
 * The scenario of a seed: always the same for the same seed. Each has some of what can happen, not all of it, and most
 * are small: what has to meet does so more often where little else happens, and what one thing would hide comes to
 * light in another without it (Groce et al., Swarm Testing, ISSTA 2012).
 */
export function drawScenario(seed: number): Scenario {
  const random = new Random(seed).fork('scenario');
  const shape: Shape = {
    seed,
    hosts: random.pick([2, 2, 2, 3, 3, 4]),
    networks: random.pick([1, 1, 1, 2, 2, 3]),
    containers: random.pick([1, 1, 2, 2, 3]),
    calmAtMs: 1_000 + Math.floor(random.between(8_000, 40_000)),
    modes: some(random, TUNNEL_MODES, 0.3),
    vandalisms: some(random, VANDALISMS, 0.2),
    fixedShare: random.pick([0, 0.2, 0.5]),
  };
  const moments = drawMoments(random.fork('moments'), shape);
  const actions = [
    ...drawNetworks(random.fork('networks'), shape),
    ...drawWishes(random.fork('wishes'), shape, moments),
    ...drawFaults(random.fork('faults'), shape, moments),
    ...drawRestarts(random.fork('restarts'), shape, moments),
  ];
  return { ...shape, actions: actions.sort((a, b) => a.atMs - b.atMs) };
}

const drawMoments = (random: Random, { hosts, containers, networks, calmAtMs }: Shape): Moment[] =>
  Array.from({ length: random.pick([6, 12, 24, 32]) }, () => ({
    atMs: random.between(1_500, calmAtMs),
    place: {
      host: random.below(hosts),
      container: random.below(containers),
      network: random.below(networks),
    },
  }));

/** Without them little could happen. */
const drawNetworks = (random: Random, shape: Shape): Action[] =>
  Array.from({ length: shape.networks }, (_, number) =>
    actionOf(1_200, 'create network', {
      network: number,
      ...likeNetwork(random, shape),
      ...rival(random, shape),
    }),
  );

function drawWishes(random: Random, shape: Shape, moments: readonly Moment[]): Action[] {
  const wishes = drawMix(random);
  const mostAtOnce = random.pick([2, 4, 8]);
  const withinMs = random.pick([4, 30, 200]);
  return moments.flatMap((moment) =>
    Array.from({ length: 1 + random.below(mostAtOnce) }, () => {
      const [kind, , draw] = pickWeighted(random, wishes);
      const atMs = moment.atMs + random.between(0, withinMs);
      return actionOf(atMs, kind, oftenThere(random, moment, draw(random, shape)));
    }),
  );
}

/** As often as not at that moment's place; a network that adopts has none. */
function oftenThere(random: Random, { place }: Moment, words: object): object {
  if (('network' in words && ADOPTING.includes(words.network as number)) || random.chance(0.5)) return words;
  return Object.fromEntries(Object.entries({ ...words, ...place }).filter(([word]) => word in words));
}

/** Some wishes, one more often and another less than usual. */
function drawMix(random: Random): Wish[] {
  const common = some(random, WISHES, random.pick([0.4, 0.6, 0.9]));
  const has = (wanted: Kind) => common.some(([kind]) => kind === wanted);
  if (!has('attach') && !has('start through door')) common.push(WISHES[0]!);
  const adopts = has('adopt bridge');
  return [...common, ...(adopts ? some(random, WISHES_OF_ADOPTED, 0.7) : [])].map(([kind, weight, draw]) => [
    kind,
    weight * random.pick([0.3, 1, 1, 3]),
    draw,
  ]);
}

function drawFaults(random: Random, shape: Shape, moments: readonly Moment[]): Action[] {
  const share = random.pick([0, 0.2, 0.5, 0.8]);
  return Object.entries(FAULTS).flatMap(([kind, draw]) => {
    if (!random.chance(RARE.has(kind) ? share / 2 : share)) return [];
    return Array.from({ length: random.pick([2, 4, 8]) }, () => {
      const moment = random.pick(moments);
      // What begins after the calm would never end.
      const atMs = Math.min(moment.atMs + random.between(-200, 500), shape.calmAtMs - 1);
      return actionOf(atMs, kind, oftenThere(random, moment, draw(random, shape)));
    });
  });
}

/** Containers that have what only the controller gives, and are started again without it. */
function drawRestarts(random: Random, shape: Shape, moments: readonly Moment[]): Action[] {
  if (!random.chance(0.25)) return [];
  return Array.from({ length: random.pick([1, 2, 4]) }, () => random.pick(moments)).flatMap((moment) => {
    const words = {
      ...{ host: random.below(shape.hosts), network: random.below(shape.networks) },
      ...(random.chance(0.8) && { address: 2 + random.below(10) }),
      ...(random.chance(0.4) && { mac: random.below(3) }),
    };
    const again = moment.atMs + random.between(50, 3_000);
    return [
      actionOf(moment.atMs, 'start through door', words),
      ...Array.from({ length: random.pick([1, 1, 2]) }, () =>
        actionOf(Math.min(again + random.between(0, 2_000), shape.calmAtMs - 1), 'start again', {
          ...{ host: words.host, ...choice(random, shape) },
          forMs: Math.floor(random.between(300, random.chance(0.2) ? 30_000 : 6_000)),
        }),
      ),
    ];
  });
}

const actionOf = (atMs: number, kind: string, rest: object): Action =>
  ({ atMs: Math.floor(atMs), do: kind, ...rest }) as unknown as Action;

/** Each with that chance, but at least one. */
function some<T>(random: Random, items: readonly T[], share: number): T[] {
  const drawn = items.filter(() => random.chance(share));
  return drawn.length > 0 ? drawn : [random.pick(items)];
}

function pickWeighted(random: Random, wishes: readonly Wish[]): Wish {
  let left = random.between(0, 1) * wishes.reduce((sum, [, weight]) => sum + weight, 0);
  for (const wish of wishes) {
    left -= wish[1];
    if (left < 0) return wish;
  }
  return wishes[0]!;
}
