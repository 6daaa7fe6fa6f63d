import type { Command } from 'commander';
import type { AgentConfig } from '#agent/config.ts';
import type { RemovalStep } from '#agent/main.ts';
import type { ControllerConfig } from '#controller/config.ts';
import type { ExitName } from './exit-code.ts';

/** A stream that people or programs read. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** Of the terminal, in characters. */
  readonly columns?: number;
}

/** All that a command may touch outside itself: handed in by main.ts, and by tests. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Asks a question that is answered by y or n; undefined where nobody can answer. */
  readonly confirm?: (question: string) => Promise<boolean>;
  /** Aborted when the long-running commands are told to stop. */
  readonly stop: () => AbortSignal;
  // Loaded on demand: `weft network ls` must not pay for them.
  readonly runController: (config: ControllerConfig, signal: AbortSignal) => Promise<void>;
  readonly runAgent: (config: AgentConfig, signal: AbortSignal) => Promise<void>;
  /** What `agent reset` does where no agent runs. */
  readonly resetHost: (root: string, dryRun: boolean) => Promise<readonly RemovalStep[]>;
  readonly loadLab: () => Promise<Command>;
  /** Ends with this code though no error was thrown. */
  readonly exitWith: (exit: ExitName) => void;
}
