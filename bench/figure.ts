/** A measured value. Its name says the unit: `attachP50Ms`, `rowsPerSecond`, `agentMiB`, `throughputGbps`. */
export interface Figure {
  readonly median: number;
  /** Least and greatest of the repeats. */
  readonly low: number;
  readonly high: number;
  readonly goal?: Goal;
}

export interface Goal {
  readonly bound: 'at most' | 'at least';
  readonly value: number;
  readonly met: boolean;
}

export type Figures = Readonly<Record<string, Figure>>;

/** What a bench found. `floor`: what a bare C program, or the same thing built by hand, took in this very run. */
export interface Report {
  readonly name: string;
  readonly metrics: Figures;
  readonly floor: Figures;
  /** Ours to the floor's. */
  readonly ratios: Figures;
}

/** Nearest rank; of nothing, NaN. */
export function percentile(samples: readonly number[], percent: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => percentile(samples, 50);

export const figure = (repeats: readonly number[]): Figure => ({
  median: median(repeats),
  low: Math.min(...repeats),
  high: Math.max(...repeats),
});

/** A percentile over all samples, with the spread of the rounds that they came in. */
export function figureOfRounds(rounds: readonly (readonly number[])[], percent: number): Figure {
  const each = rounds.map((samples) => percentile(samples, percent));
  return { ...figure(each), median: percentile(rounds.flat(), percent) };
}

export const atMost = (value: number, measured: Figure): Figure => ({
  ...measured,
  goal: { bound: 'at most', value, met: measured.median <= value },
});

export const atLeast = (value: number, measured: Figure): Figure => ({
  ...measured,
  goal: { bound: 'at least', value, met: measured.median >= value },
});

/** Repeat by repeat, as both were measured next to each other. */
export const ratio = (ours: readonly number[], floors: readonly number[]): Figure =>
  figure(ours.map((value, i) => value / floors[i]!));

/**
 * Where the floor is at its reference, an absolute goal holds as it stands; on a slower or busier machine it grows
 * with the floor. A machine that is faster does not make it harder.
 */
export const slowness = (floor: number, reference: number): number => Math.max(1, floor / reference);
