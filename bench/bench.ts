import type { Report } from './figure.ts';

export interface BenchOptions {
  /** Absent: what the bench's goal speaks of, or as many as take a minute. */
  readonly endpoints?: number;
  readonly repeat?: number;
  /** The bundle whose controller and agents are measured. */
  readonly program: string;
  /** Directory for CPU profiles of the processes measured. */
  readonly profile?: string;
}

/** Measures one thing, on ground that it makes and removes itself. Throws LabError with the next step. */
export type Bench = (options: BenchOptions) => Promise<Report>;
