import { exitCodeOf } from '#cli/exit-code.ts';
import { tailOf } from './daemons.ts';
import { drawReport } from './demo/draw-report.ts';
import { runDemo } from './demo/run-demo.ts';
import { describeRemoved, removeLab } from './down.ts';
import { execute, findPlace } from './exec.ts';
import { cleaningUp, Interrupted } from './interrupt.ts';
import { absent, LabError } from './lab-error.ts';
import { describeShape, type LabHost, type LabLayout, type LabShape, layOutLab } from './layout.ts';
import { paint } from './paint.ts';
import { runPrivileged } from './privilege.ts';
import { hostEnvironment, typedLab, weftCommand } from './program.ts';
import { type Progress, showProgress } from './progress.ts';
import { run } from './run.ts';
import { type LabState, readState } from './state.ts';
import { formatStatus, readStatus } from './status.ts';
import { bringUp, isWhole } from './up.ts';

/** Each action gives the exit code of its command; what went wrong is thrown as LabError. */

interface Wanted {
  readonly shape: LabShape;
  /** Whether the user chose any of it: if not, a lab that is up is taken as it is. */
  readonly asked: boolean;
}

export const up = (name: string, wanted: Wanted): Promise<number> =>
  runPrivileged(name, 'make', (directory) =>
    makingLab(name, directory, async (signal, onClaimed) => {
      const lab = chooseLayout(name, directory, wanted);
      const outcome = await bringUp(lab, showProgress(), signal, onClaimed);
      process.stdout.write(
        `${outcome === 'made' ? 'The lab is up' : 'The lab was up already'}: ${describeShape(lab.shape)}.\n${hints(lab)}`,
      );
      return 0;
    }),
  );

export const demo = (
  name: string,
  wanted: Wanted,
  options: { readonly json?: boolean; readonly down?: boolean },
): Promise<number> =>
  runPrivileged(name, 'make', (directory) =>
    makingLab(name, directory, async (signal, onClaimed) => {
      const lab = chooseLayout(name, directory, wanted);
      const progress = showProgress();
      await bringUp(lab, progress, signal, onClaimed);
      const report = await runDemo(readState(directory)!, progress, signal);
      process.stdout.write(
        options.json
          ? `${JSON.stringify(report, undefined, 2)}\n`
          : drawReport(report, paint(process.stdout), process.stdout.columns || undefined),
      );
      if (options.down) await tellRemoval(directory, progress);
      else if (!options.json) process.stdout.write(`\n${hints(lab)}`);
      return report.verdict.ok ? 0 : 1;
    }),
  );

export const exec = (name: string, place: string, command: readonly string[]): Promise<number> =>
  runPrivileged(name, 'use', (directory) => {
    const { layout } = stateOrThrow(name, directory);
    return execute(layout, findPlace(layout, place), command);
  });

/** Ends with what `weft status` says on the first host that is there, and with its exit code. */
export const status = (name: string, { json }: { readonly json?: boolean }): Promise<number> =>
  runPrivileged(name, 'use', async (directory) => {
    const state = stateOrThrow(name, directory);
    const found = readStatus(state);
    const host = state.layout.hosts.find(({ namespace }) => !found.missingNamespaces.includes(namespace));
    const leastCode = found.missingNamespaces.length > 0 ? exitCodeOf('unwell') : 0;
    if (!json) {
      process.stdout.write(formatStatus(found, paint(process.stdout)));
      if (!host) return leastCode;
      return (
        (await execute(state.layout, findPlace(state.layout, host.name), ['weft', 'status'])) || leastCode
      );
    }
    const { code, weft } = host ? await askStatus(state.layout, host) : { code: leastCode, weft: null };
    process.stdout.write(`${JSON.stringify({ ...found, weft }, undefined, 2)}\n`);
    return code || leastCode;
  });

async function askStatus(layout: LabLayout, host: LabHost): Promise<{ code: number; weft: unknown }> {
  const [file, args] = weftCommand('status', '--json');
  const env = hostEnvironment(layout, host.root);
  const { code, stdout, stderr } = await run(file, args, { namespace: host.namespace, env });
  return { code, weft: JSON.parse(stdout || stderr) };
}

export const down = (name: string): Promise<number> =>
  runPrivileged(name, 'remove', async (directory) => {
    await tellRemoval(directory, showProgress());
    return 0;
  });

/** Ctrl-C or a failure on the way removes what this command has made, and leaves alone a lab that was up before. */
async function makingLab(
  name: string,
  directory: string,
  work: (signal: AbortSignal, onClaimed: () => void) => Promise<number>,
): Promise<number> {
  let claimed = false;
  try {
    return await cleaningUp(
      (signal) =>
        work(signal, () => {
          claimed = true;
        }),
      async (cause) => {
        if (!claimed) return;
        if (!(cause instanceof Interrupted)) tellWhy(directory, cause);
        process.stderr.write(
          `\n${cause instanceof Interrupted ? 'Interrupted' : 'Failed'}: removing the lab …\n`,
        );
        await tellRemoval(directory, showProgress());
      },
    );
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    if (!claimed)
      process.stderr.write(
        `\nInterrupted. The lab was up before and stays; ${typedLab(name, 'down')} removes it.\n`,
      );
    return error.exitCode;
  }
}

/** What the error's one line cannot hold, while it still exists: words of other programs, of daemons that died. */
function tellWhy(directory: string, cause: unknown): void {
  if (cause instanceof LabError && cause.details) process.stderr.write(`\n${cause.details}\n`);
  const state = readState(directory);
  for (const { name, pids, log } of state ? readStatus(state).homes : []) {
    const words = pids.length === 0 && tailOf(log);
    if (words) process.stderr.write(`\n${name} does not run; the end of its log:\n${words}\n`);
  }
}

function chooseLayout(name: string, directory: string, { shape, asked }: Wanted): LabLayout {
  const before = readState(directory);
  return before && !asked && isWhole(before) ? before.layout : layOutLab(name, directory, shape);
}

function stateOrThrow(name: string, directory: string): LabState {
  const state = readState(directory);
  if (state) return state;
  throw absent('there is no lab', `bring one up: ${typedLab(name, 'up')}`);
}

const tellRemoval = (directory: string, progress: Progress): Promise<unknown> =>
  progress.step(
    'down',
    () => removeLab(directory),
    (removed) =>
      removed ? `removed ${describeRemoved(removed)}, ${directory}` : 'there was no lab; nothing to remove',
  );

function hints({ name, hosts }: LabLayout): string {
  const host = hosts[0]!;
  const [container] = host.containers;
  const lines = [
    ...(container ? [typedLab(name, 'exec', `${host.name}/${container.name} -- ip addr`)] : []),
    typedLab(name, 'exec', `${host.name} -- weft status`),
    typedLab(name, 'exec', `${host.name} -- tcpdump -ni eth0 udp port 4789`),
    typedLab(name, 'down'),
  ];
  return ` Try:\n${lines.map((line) => `   ${line}\n`).join('')}`;
}
