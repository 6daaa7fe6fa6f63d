import { describeLayers } from '#packet/describe.ts';
import { explainFrame } from '#packet/explain.ts';
import { findLayer, layersAt } from '#packet/layer.ts';
import { atMost } from '../at-most.ts';
import { countOf } from '../count-of.ts';
import type { Progress } from '../progress.ts';
import { run } from '../run.ts';
import type { LabState } from '../state.ts';
import { containerLabel, containersOf, type PlannedProbe, planIsolation, planReach } from './probe.ts';
import { readTopology } from './read-topology.ts';
import type {
  CaughtFrame,
  DemoContainer,
  DemoHost,
  DemoReport,
  Probe,
  Resolution,
  Topology,
  Underlay,
  Verdict,
} from './report.ts';
import { type Seen, type SeenFrame, watchUnderlay } from './watch-underlay.ts';

/** More at once would measure the scheduler, not the path. */
const PINGS_AT_ONCE = 2;
/** These wait for an answer that must not come. */
const SILENT_PINGS_AT_ONCE = 48;

/**
 * Looks at the lab, pings all that should and should not reach one another while the underlay is captured, and says
 * what was found. Changes nothing but the containers' neighbour caches, which begin empty.
 */
export async function runDemo(state: LabState, progress: Progress, signal: AbortSignal): Promise<DemoReport> {
  const topology = await progress.step(
    'look',
    () => readTopology(state, signal),
    ({ hosts }) =>
      `ip -j and bridge -j in ${countOf(hosts.length, 'host')} and ${countOf(hosts.flatMap(({ containers }) => containers).length, 'container')}`,
  );
  const [first] = containersOf(topology);
  if (!first) return describe(state, topology, [], [], undefined, undefined);
  await forgetNeighbours(topology, signal);
  const stop = watchUnderlay(topology, first);
  let seen: Seen | undefined;
  try {
    const reach = await progress.step(
      'ping',
      () => runProbes(PINGS_AT_ONCE, planReach(topology), signal),
      (probes) => `${probes.length} pairs within the networks, every underlay interface captured meanwhile`,
    );
    seen = await stop();
    const strangers = planIsolation(topology);
    const isolation =
      strangers.length === 0
        ? []
        : await progress.step(
            'isolation',
            () => runProbes(SILENT_PINGS_AT_ONCE, strangers, signal),
            (probes) => `${probes.length} pairs across networks, of which none may answer`,
          );
    return describe(state, topology, reach, isolation, first, seen);
  } finally {
    if (!seen) await stop();
  }
}

const runProbes = (limit: number, probes: readonly PlannedProbe[], signal: AbortSignal): Promise<Probe[]> =>
  atMost(limit, probes, (start) => start(signal));

/** So that each first ping has to ask for a MAC address: `ip neigh flush all` in every container. */
const forgetNeighbours = (topology: Topology, signal: AbortSignal) =>
  atMost(8, containersOf(topology), ({ namespace }) =>
    run('ip', ['neigh', 'flush', 'all'], { namespace, signal }),
  );

function describe(
  state: LabState,
  topology: Topology,
  reach: readonly Probe[],
  isolation: readonly Probe[],
  watched: DemoContainer | undefined,
  seen: Seen | undefined,
): DemoReport {
  const caught = seen && watched && findEchoRequest(seen, watched);
  return {
    lab: state.layout.name,
    topology,
    reach,
    isolation,
    underlay: countUnderlay(seen),
    ...(caught && {
      frame: describeFrame(caught.host, caught.frame, topology),
      resolution: traceResolution(seen, watched, caught.frame),
    }),
    verdict: judge(reach, isolation, countCrossed(topology, seen)),
  };
}

/** The first IPv4 echo request of the watched container that its host sent through a tunnel. */
function findEchoRequest(
  seen: Seen,
  watched: DemoContainer,
): { host: DemoHost; frame: SeenFrame } | undefined {
  for (const [host, frames] of seen.sent) {
    const frame = frames.find(
      ({ is, layers }) =>
        is.tunnel &&
        is.sourceMac === watched.mac &&
        findLayer(layersAt(layers, 1), 'icmp')?.message.kind === 'echo-request',
    );
    if (frame) return { host, frame };
  }
  return undefined;
}

function describeFrame(
  host: DemoHost,
  { timeNs, bytes, layers }: SeenFrame,
  topology: Topology,
): CaughtFrame {
  const { hosts, networks } = topology;
  const names = {
    hosts: Object.fromEntries(hosts.flatMap((each) => each.tunnels.map(({ local }) => [local, each.name]))),
    networks: Object.fromEntries(networks.map(({ vni, name }) => [vni, name])),
  };
  return {
    host: host.name,
    interface: host.interface,
    time: new Date(Number(timeNs / 1_000_000n)).toISOString(),
    length: bytes.length,
    hex: bytes.toString('hex'),
    layers,
    lines: describeLayers(layers),
    sentence: explainFrame(layers, names),
  };
}

/** Who asked for the caught frame's destination, who answered, and whether the question crossed the underlay. */
function traceResolution(seen: Seen, watched: DemoContainer, caught: SeenFrame): Resolution {
  const target = caught.is.destinationIp!;
  const about = (kind: string) => (frame: SeenFrame) => frame.is.kind === kind && frame.is.target === target;
  const byContainer = ({ is }: SeenFrame) => is.sourceMac === watched.mac;
  const requests = seen.atContainer.filter(about('arp-request')).filter(byContainer);
  const answer = seen.atContainer.find(about('arp-reply'));
  const crossed = [...seen.sent.values()].flat().filter(about('arp-request')).filter(byContainer);
  return {
    container: containerLabel(watched),
    network: watched.network,
    target,
    requests: requests.length,
    ...(answer &&
      requests[0] && {
        answer: {
          mac: answer.is.sourceMac!,
          afterMicroseconds: Number(answer.timeNs - requests[0].timeNs) / 1000,
        },
      }),
    copiesOnUnderlay: crossed.filter(({ is }) => is.tunnel).length,
  };
}

function countUnderlay(seen: Seen | undefined): Underlay {
  const tunnelled: Record<string, number> = {};
  for (const { is } of seen ? [...seen.sent.values()].flat() : [])
    if (is.tunnel) tunnelled[is.kind] = (tunnelled[is.kind] ?? 0) + 1;
  return { seconds: seen?.seconds ?? 0, dropped: seen?.dropped ?? 0, tunnelled };
}

/** Questions that a VXLAN device of mode proxy should have answered itself. */
function countCrossed({ networks }: Topology, seen: Seen | undefined): number {
  const proxied = new Set(networks.filter(({ mode }) => mode === 'proxy').map(({ vni }) => vni));
  const questions = ['arp-request', 'neighbour-solicitation'];
  return [...(seen?.sent.values() ?? [])]
    .flat()
    .filter(({ is }) => is.vni !== undefined && proxied.has(is.vni) && questions.includes(is.kind)).length;
}

function judge(reach: readonly Probe[], isolation: readonly Probe[], crossed: number): Verdict {
  const reached = reach.filter(({ received }) => received > 0).length;
  const leaked = isolation.filter(({ received }) => received > 0).length;
  const unreached = reach.length - reached;
  return { ok: unreached + leaked + crossed === 0, reached, unreached, leaked, crossed };
}
