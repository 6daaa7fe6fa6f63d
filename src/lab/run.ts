import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { namedNamespacePath } from '#netlink/named-namespace.ts';
import { inNamespace } from '#netlink/namespace.ts';
import { LabError } from './lab-error.ts';

export interface RunOptions {
  /** A name under /run/netns; absent: this process's own. */
  readonly namespace?: string;
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a program in a namespace: it is born there, as a child has the namespace of the thread that starts it. */
export function spawnIn(
  namespace: string | undefined,
  file: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const start = () => spawn(file, args, { ...options, env: withSbin(options.env ?? process.env) });
  if (namespace === undefined) return start();
  const fd = openNamespace(namespace);
  try {
    return inNamespace(fd, start);
  } finally {
    fs.closeSync(fd);
  }
}

/** Debian keeps `bridge` where a plain user's PATH does not look. */
const withSbin = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...env,
  PATH: [env.PATH, '/usr/sbin', '/sbin'].filter(Boolean).join(':'),
});

function openNamespace(name: string): number {
  try {
    return fs.openSync(namedNamespacePath(name), 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new LabError(`namespace ${name} is gone`, 'weft lab up makes the lab anew');
  }
}

/**
 * Runs a program to its end and gives what it said, whatever its exit code (128 + n after a signal). The program does
 * not hear the terminal's Ctrl-C: the lab ends it by `signal`, and then throws AbortError.
 */
export function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { namespace, input, env, signal } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const child = spawnIn(namespace, file, args, { env, signal, detached: true, stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    // A program that does not read its input closes it: no fault of ours.
    child.stdin!.on('error', () => {});
    child.stdin!.end(input ?? '');
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? missingProgram(file) : error),
    );
    child.on('close', (code) => resolve({ code: code ?? 128, stdout, stderr }));
  });
}

/** Like `run`, and throws LabError with the program's own words when it fails. */
export async function runOrThrow(
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(file, args, options);
  if (code === 0) return stdout;
  const { namespace, input } = options;
  const where = namespace === undefined ? '' : ` in ${namespace}`;
  throw new LabError(
    `${[path.basename(file), ...args].join(' ')}${where} failed (exit code ${code})`,
    'its own words are above',
    [input && `it was given:\n${input}`, stderr || stdout].filter(Boolean).join('\n'),
  );
}

const PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  bridge: 'iproute2',
  ping: 'iputils-ping',
};

const missingProgram = (file: string): LabError =>
  new LabError(`the lab needs ${file}, which is not here`, `apt-get install ${PACKAGES[file] ?? file}`);
