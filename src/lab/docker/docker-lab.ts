import { removeLab } from '../down.ts';
import { buildFabric } from '../fabric.ts';
import { cleaningUp, Interrupted } from '../interrupt.ts';
import { LabError } from '../lab-error.ts';
import { type LabLayout, layOutLab } from '../layout.ts';
import { removeCgroups } from '../machine/cgroups.ts';
import { processRef } from '../processes.ts';
import { weftCommand } from '../program.ts';
import type { Progress } from '../progress.ts';
import { claimState, isBeingStarted, readState } from '../state.ts';
import { refuseForeignNames } from '../up.ts';
import { DockerStage } from './docker-stage.ts';
import type { EnginePrograms } from './engine-programs.ts';

const NAME = 'weftdocker';
/** Not below /run, which each host has for itself. */
const DIRECTORY = '/var/tmp/weft-lab/docker';

/**
 * Runs `work` on two hosts with an engine and an agent each. All of it is removed afterwards, whatever happened, Ctrl-C
 * included; what a killed run left, before.
 */
export async function onDockerLab<T>(
  programs: EnginePrograms,
  progress: Progress,
  work: (stage: DockerStage, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const left = readState(DIRECTORY);
  if (left && isBeingStarted(left))
    throw new LabError(`process ${left.owner.pid} runs these lessons just now`, 'wait for it, or stop it');
  await removeAll();
  const layout = claim();
  const stages: DockerStage[] = [];
  const down = () =>
    progress.step(
      'down',
      () => removeAll(stages[0]),
      () => 'all of it is removed',
    );
  const teach = async (signal: AbortSignal) => {
    await progress.step(
      'hosts',
      async () => {
        await buildFabric(layout, signal);
        stages.push(stageOf(layout, programs));
        await stages[0]!.startAll();
      },
      () => 'h1 and h2, each with a Docker engine and an agent; a controller beside them',
    );
    return work(stages[0]!, signal);
  };
  const result = await cleaningUp(
    (signal) => untilAborted(teach(signal), signal),
    async (cause) => {
      if (!(cause instanceof Interrupted) && stages[0]) process.stderr.write(`${stages[0].logs()}\n`);
      await down();
    },
  );
  await down();
  return result;
}

/** What is not ours is found out before anything is, for what is ours will be removed. */
function claim(): LabLayout {
  const shape = { hosts: 2, containers: 0, networks: 0, mtu: 1500, mode: 'proxy', underlay: 'ipv4' } as const;
  const layout = layOutLab(NAME, DIRECTORY, shape);
  refuseForeignNames(layout, 'remove them: ip netns del NAME, or weft lab down --name weftdocker');
  const owner = processRef(process.pid)!;
  const state = { layout, phase: 'starting', owner, hostTags: [], startedAtMs: Date.now() } as const;
  if (!claimState(DIRECTORY, state)) throw new LabError('another run has just begun', 'wait for it');
  return layout;
}

function stageOf({ directory, hosts }: LabLayout, programs: EnginePrograms): DockerStage {
  const [file, words] = weftCommand();
  return new DockerStage({ directory, weft: [file, ...words], hosts, programs });
}

/** Engines and agents end with their hosts, and with this process. */
async function removeAll(stage?: DockerStage): Promise<void> {
  await stage?.remove();
  await removeLab(DIRECTORY);
  removeCgroups(`${NAME}-`);
}

/** What is under way when Ctrl-C comes is left to fail on ground that is gone. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => {});
  return Promise.race([
    work,
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  ]);
}
