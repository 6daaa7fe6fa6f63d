import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export type Child = ChildProcessByStdio<null, Readable, Readable>;

/**
 * Makes a program of this folder runnable by plain Node, which on 20 reads no TypeScript: bundled to where its
 * packages are found. Gives the way to start it, and the way to remove it.
 */
export async function buildChild(name: string) {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const directory = mkdtempSync(join(root, 'node_modules/.weft-test-'));
  const outfile = join(directory, `${name}.mjs`);
  const entry = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
  });
  return {
    start: (...args: string[]): Child =>
      spawn(process.execPath, [outfile, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }),
    remove: () => rmSync(directory, { recursive: true }),
  };
}

/** Everything that it said, and how it ended. */
export async function ended(child: Child) {
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const [status, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once('close', (...end) => resolve(end)),
  );
  return { stdout: stdout(), stderr: stderr(), status, signal };
}

function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

/** Lets it run until it has acknowledged that many and a little longer, kills it, and gives the last number said. */
export async function killAfter(child: Child, acknowledged: number, extraMs: number): Promise<number> {
  let seen = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    const before = seen;
    seen += chunk.toString().split('\n').length - 1;
    if (before < acknowledged && seen >= acknowledged) setTimeout(() => child.kill('SIGKILL'), extraMs);
  });
  const { stdout, stderr, signal } = await ended(child);
  if (signal !== 'SIGKILL') throw new Error(`ended by itself: ${stderr}`);
  const lines = stdout.slice(0, stdout.lastIndexOf('\n')).split('\n');
  return Number(lines.at(-1));
}
