import { seededRandom } from '#model/test-random.ts';

/** All chance of a run. Each part of it has a stream of its own, so that one part drawing more changes no other. */
export class Random {
  readonly #seed: number;
  readonly #next: () => number;

  constructor(seed: number) {
    this.#seed = seed;
    this.#next = seededRandom(seed);
  }

  /** A stream of its own for that purpose. */
  fork(purpose: string): Random {
    let hash = this.#seed ^ 0x9e3779b9;
    for (const char of purpose) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
    return new Random(hash);
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  between(low: number, high: number): number {
    return low + this.#next() * (high - low);
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}
