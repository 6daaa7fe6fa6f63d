import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { DemoReport } from '#lab/demo/report.ts';

/** `weft lab` as a user runs it: the bundle as a process. What is asserted is what `ip` and `bridge` say. */

const ROOT = path.resolve(import.meta.dirname, '../..');
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

/** Starts `weft ARGS` in a process group of its own, as a shell starts a job. */
export function startWeft(args: readonly string[], prefix: readonly string[] = []): ChildProcess {
  const [file, ...words] = [...prefix, process.execPath, PROGRAM, ...args];
  return spawn(file!, words, { cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
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

export const weft = (args: readonly string[], prefix?: readonly string[]): Promise<Outcome> =>
  outcomeOf(startWeft(args, prefix));

/** Throws with all that was said unless it ended well. */
export async function weftOk(args: readonly string[], prefix?: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await weft(args, prefix);
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

/** What is on the machine that a lab can leave: names of namespaces, links, processes, files. */
export interface Traces {
  readonly namespaces: readonly string[];
  readonly links: readonly string[];
  readonly processes: readonly string[];
  readonly files: readonly string[];
}

export function readTraces(): Traces {
  return {
    namespaces: list('/run/netns'),
    links: list('/sys/class/net'),
    processes: weftProcesses(),
    files: list('/run/weft-lab'),
  };
}

const list = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory).sort() : []);

/** Command lines of controllers and agents, and of the holders of labs without root. */
function weftProcesses(): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      } catch {
        return [];
      }
    })
    .filter((line) => /weft\S* (agent|controller|lab)\b|^sleep infinity$/.test(line))
    .sort();
}
