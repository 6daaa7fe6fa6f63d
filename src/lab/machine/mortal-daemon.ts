import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { spawnMortal } from './spawn-mortal.ts';

/** It may end by itself at any moment: nobody is told of that before the next turn of the event loop. */
export function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A daemon that ends with this process, however that ends, and can be killed and started again. */
export class MortalDaemon {
  readonly log: string;
  private readonly command: () => readonly string[];
  private readonly env: Readonly<Record<string, string>>;
  private child: ChildProcess | undefined;

  constructor(
    command: readonly string[] | (() => readonly string[]),
    log: string,
    env: Readonly<Record<string, string>> = {},
  ) {
    this.command = typeof command === 'function' ? command : () => command;
    this.log = log;
    this.env = env;
  }

  start(): void {
    if (this.isRunning) throw new Error(`${this.log} is of a process that still runs`);
    const log = openSync(this.log, 'a');
    this.child = spawnMortal(this.command(), {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...this.env },
    });
    closeSync(log);
  }

  get pid(): number {
    if (!this.isRunning) throw new Error(`${this.log} is of a process that does not run`);
    return this.child!.pid!;
  }

  get isRunning(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** How it ended, once it has. */
  ended(): Promise<NodeJS.Signals | number> {
    const child = this.child;
    if (!child) throw new Error(`${this.log} is of a process that was never started`);
    return new Promise((resolve) => {
      const done = () => resolve(child.signalCode ?? child.exitCode!);
      if (this.isRunning) child.once('exit', done);
      else done();
    });
  }

  /** All that it has written, in all its lives. */
  said(): string {
    return readFileSync(this.log, 'utf8');
  }

  /** Nothing if it has ended already. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.isRunning) return;
    const ended = this.ended();
    signalIfThere(this.pid, signal);
    await ended;
  }

  /** It hangs: it holds what it has, and answers nobody. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }
}
