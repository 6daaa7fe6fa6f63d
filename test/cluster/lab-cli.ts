import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { DemoReport } from '#lab/demo/report.ts';

/** `weft lab` as a user runs it: the bundle as a process. What is asserted is what `ip` and `bridge` say. */

export const ROOT = path.resolve(import.meta.dirname, '../..');
export const PROGRAM = path.join(ROOT, 'dist/weft.js');

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The bundle under test must be of the sources under test. */
export function buildIfStale(): void {
  const sources = ['src', 'tools'].flatMap((directory) =>
    readdirSync(path.join(ROOT, directory), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(ts|mjs)$/.test(file) && !file.endsWith('.test.ts'))
      .map((file) => statSync(path.join(ROOT, directory, file)).mtimeMs),
  );
  if (!existsSync(PROGRAM) || statSync(PROGRAM).mtimeMs < Math.max(...sources))
    execFileSync(process.execPath, ['tools/build.mjs'], { cwd: ROOT, stdio: 'inherit' });
}

/** Starts a command in a process group of its own, as a shell starts a job. */
export const startCommand = ([file, ...args]: readonly string[]): ChildProcess =>
  spawn(file!, args, { cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'pipe'] });

export const startWeft = (args: readonly string[]): ChildProcess =>
  startCommand([process.execPath, PROGRAM, ...args]);

/** As a terminal does; a job that has ended already is fine. */
export function sendToGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-child.pid!, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export function outcomeOf(child: ChildProcess): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  return new Promise((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr })),
  );
}

export const weft = (args: readonly string[]): Promise<Outcome> => outcomeOf(startWeft(args));

/** Throws with all that was said unless it ended well. */
export async function weftOk(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await weft(args);
  if (code !== 0) throw new Error(`weft ${args.join(' ')}: exit code ${code}\n${stderr}${stdout}`);
  return stdout;
}

export const demo = async (name: string, ...args: readonly string[]): Promise<DemoReport> =>
  JSON.parse(await weftOk(['lab', 'demo', '--name', name, '--json', ...args])) as DemoReport;

/** `ip -n NS -j …` or `bridge -n NS -j …`: the independent witness. */
export function kernelJson<T>(program: 'ip' | 'bridge', namespace: string, ...args: readonly string[]): T {
  const text = execFileSync(program, ['-n', namespace, '-j', ...args], { encoding: 'utf8' });
  return JSON.parse(text.trim() || '[]') as T;
}

/** Whether one ping of two is answered within a second each. */
export const pings = (namespace: string, ...args: readonly string[]): Promise<boolean> =>
  new Promise((resolve) =>
    execFile(
      'ip',
      ['netns', 'exec', namespace, 'ping', '-n', '-q', '-c', '2', '-i', '0.05', '-W', '1', ...args],
      (error) => resolve(error === null),
    ),
  );

/** What a lab can leave on the machine. */
export interface Traces {
  readonly namespaces: readonly string[];
  readonly links: readonly string[];
  readonly processes: readonly string[];
  readonly files: readonly string[];
}

export const NO_TRACES: Traces = { namespaces: [], links: [], processes: [], files: [] };

/**
 * Looks for traces of one lab, without asking the lab. Overlay namespaces bear their host's tag: which tags the lab
 * has had is read from its record again and again while it is watched.
 */
export class TraceWatcher {
  private readonly name: string;
  private readonly tags = new Set<string>();
  private readonly timer: NodeJS.Timeout;

  constructor(name: string) {
    this.name = name;
    this.timer = setInterval(() => this.noteTags(), 5);
  }

  read(): Traces {
    this.noteTags();
    const overlays = [...this.tags].map((tag) => `weft-${tag}-`);
    const isOurs = (name: string) => [`${this.name}-`, ...overlays].some((prefix) => name.startsWith(prefix));
    return {
      namespaces: list('/run/netns').filter(isOurs),
      links: list('/sys/class/net').filter((name) => name.startsWith('wf') || /^(p\d+|underlay)$/.test(name)),
      processes: processesNaming(`weft-lab/${this.name}/`),
      files: list('/run/weft-lab').filter((file) => file === this.name),
    };
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private noteTags(): void {
    try {
      const state = JSON.parse(readFileSync(`/run/weft-lab/${this.name}/lab.json`, 'utf8'));
      for (const tag of state.hostTags) this.tags.add(tag);
    } catch {
      // There is no lab now.
    }
  }
}

const list = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory).sort() : []);

function processesNaming(text: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      } catch {
        return [];
      }
    })
    .filter((line) => line.includes(text))
    .sort();
}
