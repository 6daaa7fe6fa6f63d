import { setImmediate as nextTurn } from 'node:timers/promises';

interface Entry {
  readonly atMs: number;
  readonly number: number;
  readonly run: () => void | Promise<void>;
}

/** The one clock. What is due at the same instant happens in the order in which it was scheduled. */
export class Timeline {
  nowMs = 1_000;
  events = 0;
  readonly #heap: Entry[] = [];
  #scheduled = 0;
  #isUnsettled = false;
  #failure: { readonly error: unknown } | undefined;

  at(atMs: number, run: Entry['run']): void {
    const entry = { atMs: Math.max(atMs, this.nowMs), number: this.#scheduled++, run };
    const heap = this.#heap;
    let hole = heap.length;
    for (let parent = (hole - 1) >> 1; hole > 0 && isBefore(entry, heap[parent]!); parent = (hole - 1) >> 1) {
      heap[hole] = heap[parent]!;
      hole = parent;
    }
    heap[hole] = entry;
  }

  after(delayMs: number, run: Entry['run']): void {
    this.at(this.nowMs + delayMs, run);
  }

  /** Something of this instant goes on by promises: the next one does not begin before they have come to rest. */
  awaitPromises(): void {
    this.#isUnsettled = true;
  }

  /** For what nobody awaits: the run ends by it. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#isUnsettled = true;
  }

  /** Runs all that is due until then, one at a time. */
  async runUntil(endMs: number): Promise<void> {
    for (let next = this.#heap[0]; next && next.atMs <= endMs; next = this.#heap[0]) {
      this.#removeFirst();
      this.nowMs = next.atMs;
      this.events++;
      const work = next.run();
      if (work) await work;
      if (this.#isUnsettled) await this.#settle();
    }
    this.nowMs = endMs;
  }

  async #settle(): Promise<void> {
    while (this.#isUnsettled) {
      this.#isUnsettled = false;
      await nextTurn();
    }
    if (this.#failure) throw this.#failure.error;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let hole = 0;
    for (let child = 1; child < heap.length; child = 2 * hole + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[hole] = heap[child]!;
      hole = child;
    }
    heap[hole] = last;
  }
}

const isBefore = (a: Entry, b: Entry): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number);
