import { readdirSync } from 'node:fs';
import { childrenOf } from '#lab/machine/machine.ts';
import { runOrThrow } from '#lab/run.ts';
import { cpuMs } from '../process.ts';
import { REMOTE, type RemoteKind, type Stage } from './stage.ts';

const MEASURE_MS = 1000;
/** Under way at once, to keep a server busy. */
const WINDOW = 32;

export interface Lookups {
  readonly perSecond: number;
  /** Of the processor time of who answers: the engine, or the agent with its children. */
  readonly perCoreSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** The name of the container on the other host, asked in a container of this one at Docker's own address. */
export async function measureLookups(
  { world }: Stage,
  kind: RemoteKind,
  namespace: string,
  program: string,
): Promise<Lookups> {
  const server = kind === 'weft' ? world.agent('h1').pid : world.engine('h1').daemon.pid;
  const ask = async (window: number) => {
    const words = ['127.0.0.11', REMOTE[kind], String(MEASURE_MS), String(window)];
    const said = (await runOrThrow(program, words, { namespace })).trim().split(' ').map(Number);
    const [perSecond, p50Us, p99Us, lost, wrong] = said as [number, number, number, number, number];
    if (wrong > 0) throw new Error(`${wrong} answers for ${REMOTE[kind]} were none`);
    if (lost > 0) console.error(`${kind}: ${lost} look-ups were not answered within a second`);
    return { perSecond, p50Us, p99Us };
  };
  const { p50Us, p99Us } = await ask(1);
  const before = familyCpuMs(server);
  const { perSecond } = await ask(WINDOW);
  const usedMs = familyCpuMs(server) - before;
  return { perSecond, perCoreSecond: (perSecond * MEASURE_MS) / usedMs, p50Us, p99Us };
}

/** With those that it started; children's threads may be parents. */
function familyCpuMs(pid: number): number {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) => childrenOf(pid, Number(thread)));
  return children.reduce((sum, child) => sum + familyCpuMs(child), cpuMs(pid));
}
