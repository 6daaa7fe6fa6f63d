import type { Timeline } from './timeline.ts';

/** When the run begins, by clocks that are right. */
const EPOCH_MS = 1_700_000_000_000;

/** A machine's wall clock: NTP and people set it. What is waited for must not be measured by it. */
export class Clock {
  #offMs = EPOCH_MS;
  readonly #timeline: Timeline;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  /** 1970 is the earliest that a clock can be set to. */
  get wallMs(): number {
    return Math.max(0, this.#offMs + Math.floor(this.#timeline.nowMs));
  }

  jump(byMs: number): void {
    this.#offMs = Math.max(this.#offMs + byMs, -this.#timeline.nowMs);
  }
}
