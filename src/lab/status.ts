import { agentPaths, controllerPaths } from '#model/paths.ts';
import { logFile } from './daemons.ts';
import { existingNamespaces } from './down.ts';
import { describeShape, type LabLayout, labNamespaces } from './layout.ts';
import type { Paint } from './paint.ts';
import { processesIn } from './processes.ts';
import type { LabState } from './state.ts';

/** What runs of a lab, as the kernel tells now. */
export interface LabStatus {
  readonly name: string;
  readonly directory: string;
  /** Of the lab as it was asked for. */
  readonly shape: LabLayout['shape'];
  readonly phase: LabState['phase'];
  readonly startedAt: string;
  readonly missingNamespaces: readonly string[];
  /** The agents' own: one for each network on each host. */
  readonly overlayNamespaces: readonly string[];
  readonly homes: readonly HomeStatus[];
}

/** A namespace in which a controller or agent runs. */
export interface HomeStatus {
  readonly name: string;
  readonly namespace: string;
  /** Of all processes in it; none: nothing runs. */
  readonly pids: readonly number[];
  readonly socket: string;
  readonly log: string;
  readonly containers: readonly string[];
}

export function readStatus({ layout, hostTags, phase, startedAtMs }: LabState): LabStatus {
  const own = labNamespaces(layout);
  const present = existingNamespaces(layout, hostTags);
  return {
    name: layout.name,
    directory: layout.directory,
    shape: layout.shape,
    phase,
    startedAt: new Date(startedAtMs).toISOString(),
    missingNamespaces: own.filter((name) => !present.includes(name)),
    overlayNamespaces: present.filter((name) => !own.includes(name)),
    homes: homesOf(layout),
  };
}

function homesOf(lab: LabLayout): HomeStatus[] {
  const pidsIn = (namespace: string) => processesIn([namespace]).map(({ pid }) => pid);
  const controller = {
    name: 'controller',
    namespace: lab.fabric,
    pids: pidsIn(lab.fabric),
    socket: controllerPaths(lab.controllerRoot).socket,
    log: logFile(lab.controllerRoot),
    containers: [],
  };
  const agents = lab.hosts.map(({ name, namespace, root, containers }) => ({
    name,
    namespace,
    pids: pidsIn(namespace),
    socket: agentPaths(root).socket,
    log: logFile(root),
    containers: containers.map((container) => `${container.name} (${container.network})`),
  }));
  return [controller, ...agents];
}

export function formatStatus(status: LabStatus, colours: Paint): string {
  const lines = [
    `${colours.bold(status.name)}: ${describeShape(status.shape)}`,
    `  ${status.phase === 'up' ? `up since ${status.startedAt}` : colours.bad('not wholly up: weft lab up mends it')}, in ${status.directory}`,
    ...(status.missingNamespaces.length > 0
      ? [colours.bad(`  missing namespaces: ${status.missingNamespaces.join(', ')}`)]
      : []),
    ...status.homes.flatMap((home) => ['', ...homeLines(home, colours)]),
  ];
  return `${lines.join('\n')}\n\n`;
}

const homeLines = (
  { name, namespace, pids, socket, log, containers }: HomeStatus,
  colours: Paint,
): string[] => [
  `  ${colours.bold(name)}  namespace ${namespace}, ${pids.length > 0 ? `process ${pids.join(' ')}` : colours.bad('nothing runs')}`,
  `    ${colours.dim('socket')}      ${socket}`,
  `    ${colours.dim('log')}         ${log}`,
  ...(containers.length > 0 ? [`    ${colours.dim('containers')}  ${containers.join(', ')}`] : []),
];
