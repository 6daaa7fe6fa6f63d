#!/usr/bin/env node
import readline from 'node:readline/promises';
import { runCli } from './run-cli.ts';

/** The composition root of `weft`: real streams and signals; controller, agent and lab are loaded on demand. */

// Whoever reads us may stop early (`weft network ls | head -1`): the rest goes nowhere, and that is no error.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    process.exitCode = 1;
    if (stream === process.stdout) process.stderr.write(`error: cannot write the output: ${error.message}\n`);
  });

process.exitCode =
  (await runCli(process.argv.slice(2), {
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    confirm: process.stdin.isTTY && process.stderr.isTTY ? confirm : undefined,
    stop: stopSignal,
    runController: async (config, signal) =>
      (await import('#controller/main.ts')).runController(config, signal),
    runAgent: async (config, signal) => (await import('#agent/main.ts')).runAgent(config, signal),
    resetHost: async (root, dryRun) => (await import('#agent/main.ts')).resetHost(root, dryRun),
    loadLab: async () => (await import('#lab/command.ts')).labCommand(),
  })) || process.exitCode;

/** The first Ctrl-C or SIGTERM asks for a clean stop; a second one no longer waits for it. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

async function confirm(question: string): Promise<boolean> {
  const prompt = readline.createInterface({ input: process.stdin, output: process.stderr });
  // In readline's raw mode Ctrl-C comes as an event instead of a signal.
  prompt.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    return /^y(es)?$/i.test((await prompt.question(`${question} [y/N] `)).trim());
  } catch (error) {
    // Ctrl-D answers nothing.
    if ((error as Error).name === 'AbortError') return false;
    throw error;
  } finally {
    prompt.close();
  }
}
