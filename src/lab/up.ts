import fs from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { HelloResponse } from '#api/gen/weft/v1/controller_pb.ts';
import type { Id } from '#model/id.ts';
import { hostTag } from '#model/own.ts';
import { DEFAULT_TUNNEL_MODE } from '#model/tunnel-mode.ts';
import { countOf } from './count-of.ts';
import { type Daemon, startAgent, startController, waitUntilReady } from './daemons.ts';
import { describeRemoved, existingNamespaces, removeLab } from './down.ts';
import { buildFabric } from './fabric.ts';
import { LabError } from './lab-error.ts';
import {
  describeShape,
  type LabContainer,
  type LabLayout,
  type LabNetwork,
  labNamespaces,
} from './layout.ts';
import { processRef, runsIn } from './processes.ts';
import { typedLab, weftOn, writeWeftScript } from './program.ts';
import type { Progress } from './progress.ts';
import { claimState, isBeingStarted, type LabState, readState, writeState } from './state.ts';

/** Whether the lab of this layout was made now or was there already. */
export type UpOutcome = 'made' | 'was up';

/**
 * Makes sure that the lab is up: leaves a whole one alone, removes what a crash left of one, and then makes it.
 * Throws LabError when another shape is up, another process is at it, or the names are somebody else's; after any
 * throw the caller removes the lab if `onClaimed` was called.
 */
export async function bringUp(
  lab: LabLayout,
  progress: Progress,
  signal: AbortSignal,
  onClaimed: () => void,
): Promise<UpOutcome> {
  const before = readState(lab.directory);
  if (before && isWhole(before)) {
    if (isDeepStrictEqual(before.layout, lab)) return 'was up';
    throw new LabError(
      `a lab is up with another shape: ${describeShape(before.layout.shape)}`,
      `remove it first: ${typedLab(lab.name, 'down')}`,
    );
  }
  if (before && isBeingStarted(before))
    throw new LabError(
      `process ${before.owner.pid} is bringing this lab up just now`,
      'wait for it, or stop it',
    );
  if (fs.existsSync(lab.directory)) {
    onClaimed();
    await progress.step(
      'clean up',
      () => removeLab(lab.directory),
      (removed) => `what a crash left: ${describeRemoved(removed)}`,
    );
  }
  refuseForeignNames(lab, 'remove them (ip netns del NAME), or choose another name for the lab with --name');
  await makeLab(lab, progress, signal, onClaimed);
  return 'made';
}

/** Every namespace is there, in each host's an agent (which its resolver outlives), in the fabric's the controller. */
export function isWhole({ phase, layout, hostTags }: LabState): boolean {
  const own = labNamespaces(layout);
  const existing = new Set(existingNamespaces(layout, hostTags));
  return (
    phase === 'up' &&
    own.every((name) => existing.has(name)) &&
    runsIn(layout.fabric, 'controller') &&
    layout.hosts.every(({ namespace }) => runsIn(namespace, 'agent'))
  );
}

/** Names that exist while no record says they are ours belong to the user. */
export function refuseForeignNames(lab: LabLayout, next: string): void {
  const foreign = existingNamespaces(lab, []);
  if (foreign.length > 0)
    throw new LabError(`namespaces of these names are not the lab's: ${foreign.join(', ')}`, next);
}

async function makeLab(
  lab: LabLayout,
  progress: Progress,
  signal: AbortSignal,
  onClaimed: () => void,
): Promise<void> {
  const state: LabState = {
    layout: lab,
    phase: 'starting',
    owner: processRef(process.pid)!,
    hostTags: [],
    startedAtMs: Date.now(),
  };
  if (!claimState(lab.directory, state))
    throw new LabError('another process has just begun to bring this lab up', 'wait for it');
  onClaimed();
  writeWeftScript(lab);
  await progress.step(
    'underlay',
    () => buildFabric(lab, signal),
    () =>
      `one Ethernet segment, 10.99.0.0/24 and fd99::/64, MTU ${lab.shape.mtu}, for ${countOf(lab.hosts.length, 'host')}`,
  );
  const started = startDaemons(lab);
  const daemons = [started.controller, ...started.agents].flatMap(
    ({ child }) => processRef(child.pid!) ?? [],
  );
  writeState(lab.directory, { ...state, daemons });
  const hostTags = await untilReady(lab, started, progress, signal);
  writeState(lab.directory, { ...state, daemons, hostTags });
  for (const network of lab.networks) await createNetwork(lab, network, progress, signal);
  await attachContainers(lab, progress, signal);
  writeState(lab.directory, { ...state, daemons, hostTags, phase: 'up' });
}

interface Daemons {
  readonly controller: Daemon;
  readonly agents: readonly Daemon[];
}

/** All at once: an agent waits for its controller. */
const startDaemons = (lab: LabLayout): Daemons => ({
  controller: startController(lab),
  agents: lab.hosts.map((host) => startAgent(lab, host)),
});

/** Gives the tags of the hosts' overlay namespaces. */
async function untilReady(
  lab: LabLayout,
  { controller, agents }: Daemons,
  progress: Progress,
  signal: AbortSignal,
): Promise<string[]> {
  await progress.step(
    'controller',
    () => waitUntilReady(controller, signal),
    () => `answers at ${controller.socket}`,
  );
  const hellos: HelloResponse[] = await progress.step(
    'agents',
    () => Promise.all(agents.map((agent) => waitUntilReady(agent, signal))),
    () => `${lab.hosts.map(({ name }) => name).join(', ')}: connected, each inside its host`,
  );
  return hellos.map((hello) => hostTag(hello.hostId as Id));
}

async function createNetwork(
  lab: LabLayout,
  network: LabNetwork,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const { mode, underlay } = lab.shape;
  const subnets = network.subnets.flatMap((subnet) => ['--subnet', subnet]);
  const command = [
    ...['network', 'create', network.name, ...subnets],
    ...(mode === DEFAULT_TUNNEL_MODE ? [] : ['--mode', mode]),
    ...(underlay === 'ipv4' ? [] : ['--underlay', underlay]),
  ];
  await progress.step(
    'network',
    () => weftOn(lab, lab.hosts[0]!, command, signal),
    () => `weft ${command.join(' ')}`,
  );
}

/** One after the other, so that the same lab always gets the same addresses. */
async function attachContainers(lab: LabLayout, progress: Progress, signal: AbortSignal): Promise<void> {
  const jobs = lab.hosts.flatMap((host) => host.containers.map((container) => ({ host, container })));
  if (jobs.length === 0) return;
  const command = ({ namespace, network, endpoint }: LabContainer) => [
    'endpoint',
    'attach',
    namespace,
    network,
    '--name',
    endpoint,
  ];
  await progress.step(
    'containers',
    async () => {
      for (const { host, container } of jobs) await weftOn(lab, host, command(container), signal);
    },
    () => `${countOf(jobs.length, 'command')} such as weft ${command(jobs[0]!.container).join(' ')}`,
  );
}
