import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { spawnMortal } from '#lab/machine/spawn-mortal.ts';

export interface FlowReport {
  readonly sent: number;
  readonly lost: number;
  /** The longest time in which every single one was lost. */
  readonly longestMs: number;
  /** Whose answer came more than once. */
  readonly twice: number;
}

/** A container that sends another a thousand numbered datagrams a second, each of which it sends back. */
export class Flow {
  private readonly echo: ChildProcess;
  private readonly sender: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  static async start(from: string, to: string, address: string): Promise<Flow> {
    const echo = spawnIn(to, 'echo', address);
    await new Promise((resolve) => echo.stdout!.once('data', resolve));
    return new Flow(echo, spawnIn(from, 'send', address));
  }

  private constructor(echo: ChildProcess, sender: ChildProcess) {
    this.echo = echo;
    this.sender = sender;
    this.lines = createInterface({ input: sender.stdout! })[Symbol.asyncIterator]();
  }

  /** What became of everything since it was asked last. */
  async report(): Promise<FlowReport> {
    this.sender.stdin!.write('\n');
    const { value } = await this.lines.next();
    return JSON.parse(value);
  }

  stop(): void {
    this.sender.kill('SIGKILL');
    this.echo.kill('SIGKILL');
  }
}

const spawnIn = (namespace: string, ...args: readonly string[]): ChildProcess =>
  spawnMortal(
    [
      ...['nsenter', `--net=/run/netns/${namespace}`, process.execPath],
      ...[path.join(import.meta.dirname, 'flow-child.mjs'), ...args],
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
