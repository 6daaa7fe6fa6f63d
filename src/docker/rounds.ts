import type { Logger } from 'pino';
import type { EndpointSweep } from './sweep-endpoints.ts';
import type { NetworkSync } from './sync-networks.ts';

/** Without any event, for whatever was missed. */
const ROUND_MS = 10_000;
/** The sweep asks once for each network: not with every change of one. */
const SWEEP_MS = 5_000;
/** While Docker is about to tell more, or cannot be asked: this long at first, twice as long each time. */
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 1_000;

/** When the networks are compared with Docker's, and the endpoints: one at a time, soon after every kick. */
export class Rounds {
  private readonly sync: NetworkSync;
  private readonly sweep: EndpointSweep;
  private readonly log: Logger;
  private readonly nowMs: () => number;
  private sweptMs = -SWEEP_MS;
  private readonly timer: NodeJS.Timeout;
  private present = false;
  private running = false;
  private wanted = false;
  private pauseMs = FIRST_PAUSE_MS;
  private soon: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(sync: NetworkSync, sweep: EndpointSweep, log: Logger, nowMs: () => number) {
    this.sync = sync;
    this.sweep = sweep;
    this.log = log;
    this.nowMs = nowMs;
    // It keeps no process alive that could not open the door.
    this.timer = setInterval(() => this.present && this.kick(), ROUND_MS).unref();
  }

  get hasEngine(): boolean {
    return this.present;
  }

  engineIsThere(): void {
    this.present = true;
    this.kick();
  }

  engineIsGone(): void {
    this.present = false;
  }

  /** Something may have changed. Cheap, and never waits. */
  kick(): void {
    this.wanted = true;
    this.pauseMs = FIRST_PAUSE_MS;
    if (!this.running) this.later(0);
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.timer);
    clearTimeout(this.soon);
  }

  private later(pauseMs: number): void {
    clearTimeout(this.soon);
    if (!this.stopped) this.soon = setTimeout(() => void this.run(), pauseMs);
  }

  private async sweepNowAndThen(): Promise<void> {
    if (this.nowMs() - this.sweptMs < SWEEP_MS) return;
    this.sweptMs = this.nowMs();
    await this.sweep.pass();
  }

  private async run(): Promise<void> {
    if (this.running || this.stopped || !this.present) return;
    this.running = true;
    this.wanted = false;
    let again = true;
    try {
      again = (await this.sync.pass()).again;
      await this.sweepNowAndThen();
    } catch (error) {
      this.log.debug({ reason: (error as Error).message }, 'Docker cannot be asked');
    }
    this.running = false;
    if (this.wanted) return this.later(0);
    if (!again) return;
    this.later(this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
