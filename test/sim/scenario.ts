import { GATEWAY_USES, type GatewayUse, PORT_SECURITIES, type PortSecurity } from '#model/records.ts';
import { ADOPTING_MODES, type TunnelMode } from '#model/tunnel-mode.ts';
import { BRIDGES } from './bridges.ts';
import { Random } from './random.ts';

/** What happens to a run from outside: what users do, and what goes wrong. */
export type Action = { readonly atMs: number } & (
  | {
      readonly do: 'attach';
      readonly host: number;
      readonly container: number;
      readonly network: number;
      readonly address?: number;
    }
  | {
      readonly do: 'detach';
      readonly host: number;
      readonly container: number;
      readonly network: number;
      readonly by: 'id' | 'name' | 'path';
    }
  | {
      readonly do: 'end container';
      readonly host: number;
      readonly container: number;
      readonly amid: boolean;
    }
  | {
      readonly do: 'create network';
      readonly network: number;
      readonly mode: TunnelMode;
      readonly rival: boolean;
      readonly manner?: Manner;
    }
  | {
      readonly do: 'change network';
      readonly network: number;
      readonly mode?: TunnelMode;
      readonly port?: number;
      readonly mtu?: number;
      readonly portSecurity?: PortSecurity;
      readonly force: boolean;
    }
  | {
      readonly do: 'ask';
      readonly host: number;
      readonly network: number;
      readonly choice: number;
      readonly by: 'ip' | 'mac';
    }
  | { readonly do: 'add peer'; readonly network: number; readonly peer: number; readonly mac: boolean }
  | {
      readonly do: 'start through door';
      readonly host: number;
      readonly network: number;
      readonly address?: number;
    }
  | { readonly do: 'stop through door'; readonly host: number; readonly choice: number }
  | {
      readonly do: 'publish port';
      readonly choice: number;
      readonly port: number;
      readonly isNarrow: boolean;
      readonly rival: boolean;
    }
  | { readonly do: 'unpublish port'; readonly choice: number }
  | {
      readonly do: 'expose network';
      readonly host: number;
      readonly network: number;
      readonly address?: number;
    }
  | { readonly do: 'hide network'; readonly host: number; readonly network: number }
  | AdoptedAction
  | { readonly do: 'remove peer'; readonly network: number; readonly peer: number }
  | { readonly do: 'remove network'; readonly network: number; readonly rival: boolean }
  | {
      readonly do: 'kill agent';
      readonly host: number;
      readonly effects: number;
      readonly where: 'before' | 'after';
    }
  | { readonly do: 'kill controller'; readonly effects: number; readonly where: 'before' | 'after' }
  | { readonly do: 'cut'; readonly host: number; readonly forMs: number }
  | { readonly do: 'stall'; readonly host: number; readonly forMs: number }
  | { readonly do: 'slow'; readonly host: number; readonly forMs: number; readonly byMs: number }
  | { readonly do: 'lose connections'; readonly host: number }
  | { readonly do: 'reboot'; readonly host: number }
  | { readonly do: 'move VTEP'; readonly host: number; readonly to: number }
  | { readonly do: 'fill journal'; readonly host: number; readonly forMs: number }
  | { readonly do: 'fill store'; readonly forMs: number }
  | { readonly do: 'compact' }
  | {
      readonly do: 'refuse ops';
      readonly host: number;
      readonly kind: 'namespace' | 'link' | 'address' | 'fdb' | 'neighbour';
      readonly errno: 'ENOMEM' | 'EBUSY' | 'EINVAL';
      readonly times: number;
    }
  | { readonly do: 'interrupt looks'; readonly host: number; readonly times: number }
  | { readonly do: 'vandalise'; readonly host: number; readonly how: Vandalism; readonly choice: number }
  | { readonly do: 'delete late'; readonly choice: number }
  | { readonly do: 'evict host'; readonly host: number; readonly rival: boolean }
);

/** `network`: a number that no other kind of network has. */
type AdoptedAction =
  | {
      readonly do: 'adopt bridge';
      readonly host: number;
      readonly bridge: string;
      readonly network: number;
      readonly mode: TunnelMode;
    }
  | { readonly do: 'disown bridge'; readonly host: number; readonly bridge: string }
  | { readonly do: 'remake bridge'; readonly host: number; readonly bridge: string }
  | {
      readonly do: 'station comes';
      readonly host: number;
      readonly bridge: string;
      readonly station: number;
    }
  | { readonly do: 'station goes'; readonly station: number };

/** What a network is like besides its tunnel. */
interface Manner {
  readonly gateway?: GatewayUse;
  readonly internal?: boolean;
  readonly portSecurity?: PortSecurity;
}

const VANDALISMS = [
  'delete row',
  'replace row',
  'add row',
  'delete link',
  'set link down',
  'delete address',
  'delete namespace',
  'change link',
  'change setting',
  'delete route',
  'delete rule',
  'add rule',
  'flush rules',
] as const;
export type Vandalism = (typeof VANDALISMS)[number];

export interface Scenario {
  readonly seed: number;
  readonly hosts: number;
  readonly networks: number;
  readonly containers: number;
  /** When all faults stop. */
  readonly calmAtMs: number;
  readonly actions: readonly Action[];
}

type Kind = Action['do'];
type Draw = (random: Random, shape: Scenario) => object;

const host: Draw = (random, { hosts }) => ({ host: random.below(hosts) });
const place: Draw = (random, { hosts, containers, networks }) => ({
  host: random.below(hosts),
  container: random.below(containers),
  network: random.below(networks),
});
const death: Draw = (random) => ({ effects: random.below(12), where: random.pick(['before', 'after']) });
const pause = (random: Random) => ({
  forMs: Math.floor(random.between(100, random.chance(0.3) ? 40_000 : 6_000)),
});
const rival = (random: Random) => ({ rival: random.chance(0.3) });

/** What users do. */
const WISHES: { readonly [kind in Kind]?: readonly [weight: number, draw: Draw] } = {
  attach: [
    10,
    (random, shape) => ({
      ...place(random, shape),
      ...(random.chance(0.25) && { address: 2 + random.below(10) }),
    }),
  ],
  detach: [6, (random, shape) => ({ ...place(random, shape), by: random.pick(['id', 'name', 'path']) })],
  'end container': [
    2,
    (random, { hosts, containers }) => ({
      host: random.below(hosts),
      container: random.below(containers),
      amid: random.chance(0.5),
    }),
  ],
  'create network': [
    2,
    (random, { networks }) => ({
      network: random.below(networks),
      mode: random.pick(['flood', 'static', 'proxy']),
      ...rival(random),
    }),
  ],
  'change network': [
    2,
    (random, { networks }) => ({
      network: random.below(networks),
      ...(random.chance(0.6) && { mode: random.pick(['flood', 'static', 'proxy']) }),
      ...(random.chance(0.4) && { port: random.pick([4789, 4790]) }),
      ...(random.chance(0.3) && { mtu: random.pick([1450, 1400]) }),
      force: random.chance(0.3),
    }),
  ],
  'remove network': [1, (random, { networks }) => ({ network: random.below(networks), ...rival(random) })],
};

/** What goes wrong; each seed has some of these, at rates of its own. */
const FAULTS: { readonly [kind in Kind]?: Draw } = {
  'kill agent': (random, shape) => ({ ...host(random, shape), ...death(random, shape) }),
  'kill controller': death,
  cut: (random, shape) => ({ ...host(random, shape), ...pause(random) }),
  stall: (random, shape) => ({ ...host(random, shape), ...pause(random) }),
  slow: (random, shape) => ({
    ...host(random, shape),
    ...pause(random),
    byMs: Math.floor(random.between(20, 900)),
  }),
  'lose connections': host,
  reboot: host,
  'move VTEP': (random, shape) => ({ ...host(random, shape), to: random.below(3) }),
  'fill journal': (random, shape) => ({ ...host(random, shape), ...pause(random) }),
  'fill store': pause,
  compact: () => ({}),
  'refuse ops': (random, shape) => ({
    ...host(random, shape),
    kind: random.pick(['namespace', 'link', 'address', 'fdb', 'neighbour']),
    errno: random.pick(['ENOMEM', 'EBUSY', 'EINVAL']),
    times: 1 + random.below(6),
  }),
  'interrupt looks': (random, shape) => ({ ...host(random, shape), times: 1 + random.below(4) }),
  vandalise: (random, shape) => ({
    ...host(random, shape),
    how: random.pick(VANDALISMS),
    choice: random.below(100),
  }),
  'delete late': (random) => ({ choice: random.below(100) }),
  'evict host': (random, shape) => ({ ...host(random, shape), ...rival(random) }),
};

/** So hard that little else would be seen if it were in every other seed. */
const RARE: ReadonlySet<string> = new Set(['evict host']);

/** The scenario of a seed: always the same for the same seed. */
export function drawScenario(seed: number): Scenario {
  const random = new Random(seed).fork('scenario');
  const shape: Scenario = {
    seed,
    hosts: 2 + random.below(3),
    networks: 1 + random.below(3),
    containers: 1 + random.below(3),
    calmAtMs: 1_000 + Math.floor(random.between(8_000, 45_000)),
    actions: [],
  };
  const actions: Action[] = [];
  const draw = (kind: string, atMs: number, how: Draw) =>
    actions.push({ atMs: Math.floor(atMs), do: kind, ...how(random, shape) } as unknown as Action);
  for (let network = 0; network < shape.networks; network++)
    draw('create network', 1_200, (each, all) => ({ ...WISHES['create network']![1](each, all), network }));
  const wishes = Object.entries(WISHES).flatMap(([kind, [weight, how]]) =>
    Array.from({ length: weight }, () => [kind, how] as const),
  );
  // Bursts: what happens together finds more than what happens apart.
  for (let atMs = 1_500; atMs < shape.calmAtMs; atMs += random.between(50, 4_000))
    for (let left = 1 + random.below(4); left > 0; left--) {
      const [kind, how] = random.pick(wishes);
      draw(kind, atMs + random.between(0, 60), how);
    }
  for (const [kind, how] of Object.entries(FAULTS)) {
    if (!random.chance(RARE.has(kind) ? 0.2 : 0.45)) continue;
    const meanMs = random.between(2_000, 20_000);
    for (
      let atMs = random.between(1_300, meanMs);
      atMs < shape.calmAtMs;
      atMs += random.between(0, 2 * meanMs)
    )
      draw(kind, atMs, how);
  }
  const asking = new Random(seed).fork('asking');
  const outside = new Random(seed).fork('outside');
  const manners = new Random(seed).fork('manners');
  const wished = actions.map((action) =>
    withManner(manners, learnByTraffic(outside, askOnDemand(asking, action))),
  );
  const all = [
    ...wished,
    ...drawQuestions(asking, shape),
    ...drawPeers(outside, shape),
    ...drawEngines(new Random(seed).fork('engines'), shape),
    ...drawPublications(new Random(seed).fork('publications'), shape),
    ...drawExposures(new Random(seed).fork('exposures'), shape),
    ...drawAdoptions(new Random(seed).fork('adoptions'), shape),
  ];
  return { ...shape, actions: all.sort((a, b) => a.atMs - b.atMs) };
}

/** Some networks ask on demand, always or for a while. */
const askOnDemand = (random: Random, action: Action): Action =>
  'mode' in action && random.chance(0.3) ? { ...action, mode: 'on-demand' } : action;

/** Some networks have two ends, or the underlay copy for them. */
const learnByTraffic = (random: Random, action: Action): Action =>
  'mode' in action && random.chance(0.3) ? { ...action, mode: random.pick(['p2p', 'multicast']) } : action;

/** Who leaves a network by whom, and whether forged frames pass. */
function withManner(random: Random, action: Action): Action {
  if (action.do === 'change network')
    return random.chance(0.2) ? { ...action, portSecurity: random.pick(PORT_SECURITIES) } : action;
  if (action.do !== 'create network') return action;
  const manner: Manner = {
    gateway: random.pick(GATEWAY_USES),
    internal: random.chance(0.2),
    portSecurity: random.chance(0.8) ? 'on' : 'off',
  };
  return { ...action, manner };
}

/** Ports of hosts lead to endpoints; few ports, so that many want the same. */
function drawPublications(random: Random, { calmAtMs }: Scenario): Action[] {
  const actions: Action[] = [];
  for (let atMs = 2_000; atMs < calmAtMs; atMs += random.between(10, 4_000)) {
    const what = { atMs: Math.floor(atMs), choice: random.below(100) };
    if (random.chance(0.25)) actions.push({ ...what, do: 'unpublish port' });
    else
      for (let left = 1 + random.below(2); left > 0; left--)
        actions.push({
          ...what,
          do: 'publish port',
          port: 8_080 + random.below(3),
          isNarrow: random.chance(0.3),
          ...rival(random),
        });
  }
  return actions;
}

/** Hosts come into networks themselves and leave them, now and then at one blow. */
function drawExposures(random: Random, { hosts, networks, calmAtMs }: Scenario): Action[] {
  const actions: Action[] = [];
  if (random.chance(0.5)) return actions;
  for (let atMs = 1_700; atMs < calmAtMs; atMs += random.between(20, 8_000)) {
    const what = { atMs: Math.floor(atMs), host: random.below(hosts), network: random.below(networks) };
    const isShown = random.chance(0.7);
    if (!isShown || random.chance(0.3)) actions.push({ ...what, do: 'hide network' });
    if (isShown)
      actions.push({
        ...what,
        do: 'expose network',
        ...(random.chance(0.3) && { address: 2 + random.below(10) }),
      });
  }
  return actions;
}

/** Numbers of networks that adopt; all others have bridges of their own. */
const ADOPTING = [10, 11];

/** Bridges are adopted and let go, made anew by their owner, and somebody moves behind them. */
function drawAdoptions(random: Random, { hosts, calmAtMs }: Scenario): Action[] {
  const actions: Action[] = [];
  if (random.chance(0.5)) return actions;
  const weights = { 'adopt bridge': 5, 'disown bridge': 2, 'remake bridge': 1 } as const;
  const kinds = Object.entries(weights).flatMap(([kind, times]) => Array(times).fill(kind));
  for (let atMs = 1_400; atMs < calmAtMs; atMs += random.between(20, 5_000)) {
    const place = { atMs: Math.floor(atMs), host: random.below(hosts), bridge: random.pick(BRIDGES) };
    const network = random.pick(ADOPTING);
    const mode = random.pick(ADOPTING_MODES);
    const station = random.below(4);
    if (random.chance(0.5))
      actions.push(
        random.chance(0.8)
          ? { ...place, do: 'station comes', station }
          : { atMs: place.atMs, do: 'station goes', station },
      );
    else if (random.chance(0.1))
      actions.push({ atMs: place.atMs, do: 'change network', network, mode, force: random.chance(0.3) });
    else if (random.chance(0.05))
      actions.push({ atMs: place.atMs, do: 'remove network', network, ...rival(random) });
    else actions.push({ ...place, do: random.pick(kinds), network, mode } as Action);
  }
  return actions;
}

/** Machines that Weft does not run come and go. */
function drawPeers(random: Random, { networks, calmAtMs }: Scenario): Action[] {
  const peers: Action[] = [];
  for (let atMs = 2_000; atMs < calmAtMs; atMs += random.between(500, 8_000)) {
    const what = { network: random.below(networks), peer: random.below(2) };
    const mac = random.chance(0.7);
    const at = Math.floor(atMs);
    peers.push(
      random.chance(0.7)
        ? { atMs: at, do: 'add peer', ...what, mac }
        : { atMs: at, do: 'remove peer', ...what },
    );
  }
  return peers;
}

/** Engines start containers through the door, and stop them. */
function drawEngines(random: Random, { hosts, networks, calmAtMs }: Scenario): Action[] {
  const actions: Action[] = [];
  for (let atMs = 1_600; atMs < calmAtMs; atMs += random.between(20, 5_000)) {
    const at = { atMs: Math.floor(atMs), host: random.below(hosts) };
    if (random.chance(0.4)) actions.push({ ...at, do: 'stop through door', choice: random.below(100) });
    else
      for (let left = 1 + random.below(3); left > 0; left--)
        actions.push({
          ...at,
          do: 'start through door',
          network: random.below(networks),
          ...(random.chance(0.25) && { address: 2 + random.below(10) }),
        });
  }
  return actions;
}

function drawQuestions(random: Random, { hosts, networks, calmAtMs }: Scenario): Action[] {
  const questions: Action[] = [];
  for (let atMs = 2_000; atMs < calmAtMs; atMs += random.between(10, 2_000))
    questions.push({
      atMs: Math.floor(atMs),
      do: 'ask',
      host: random.below(hosts),
      network: random.below(networks),
      choice: random.below(100),
      by: random.chance(0.2) ? 'mac' : 'ip',
    });
  return questions;
}
