import type { ChildProcess } from 'node:child_process';
import { spawnMortal } from '#lab/machine/spawn-mortal.ts';

/** For 10 ms, ping(8) waits some 17. */
const INTERVAL_SECONDS = '0.008';

/** A container that sends another a hundred pings a second, all the while. */
export class PingFlow {
  readonly name: string;
  private readonly child: ChildProcess;
  private said = '';
  private end: Promise<{ received: number; sent: number }> | undefined;

  constructor(from: string, to: string) {
    this.name = `${from} → ${to}`;
    const command = [
      'nsenter',
      `--net=/run/netns/${from}`,
      'ping',
      '-n',
      '-q',
      '-i',
      INTERVAL_SECONDS,
      '-W',
      '5',
      to,
    ];
    this.child = spawnMortal(command, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.setEncoding('utf8').on('data', (text) => {
        this.said += text;
      });
  }

  /** Sent and received so far, by ping's own count (it prints it on SIGQUIT: `812/812 packets, 0% loss`). */
  async count(): Promise<{ received: number; sent: number }> {
    this.said = '';
    this.child.kill('SIGQUIT');
    for (let tries = 0; tries < 500; tries++) {
      const found = /(\d+)\/(\d+) packets/.exec(this.said);
      if (found) return { received: Number(found[1]), sent: Number(found[2]) };
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    throw new Error(`ping ${this.name} says nothing: ${this.said}`);
  }

  /** Ends it, and gives its last word (`812 packets transmitted, 812 received`). Idempotent. */
  stop(): Promise<{ received: number; sent: number }> {
    this.end ??= this.finish();
    return this.end;
  }

  private async finish(): Promise<{ received: number; sent: number }> {
    this.said = '';
    const closed = new Promise((resolve) => this.child.once('close', resolve));
    this.child.kill('SIGINT');
    await closed;
    const found = /(\d+) packets transmitted, (\d+) received/.exec(this.said);
    if (!found) throw new Error(`ping ${this.name} ended without a word: ${this.said}`);
    return { sent: Number(found[1]), received: Number(found[2]) };
  }
}
