import { parseJournalEntry } from '#agent/attachment.ts';
import { step as stepAgent } from '#agent/core.ts';
import { createAgentState } from '#agent/state.ts';
import { formatView, parseView } from '#agent/view-format.ts';
import { beginLife } from '#controller/begin-life.ts';
import { step as stepController } from '#controller/core.ts';
import { readStatuses, statusKey } from '#controller/read-statuses.ts';
import { createControllerState } from '#controller/state.ts';
import { Snapshot } from '#model/snapshot.ts';
import { MemoryStore } from '#store/memory-store.ts';
import { carryWish, createUplink, openService } from './ends.ts';

/**
 * What is simulated: the shipped code, or a mutant of it. The simulator's own imports of shipped code (what a kernel
 * should look like, what a host should know) are never mutated.
 */
export const cores = {
  stepAgent,
  createAgentState,
  stepController,
  createControllerState,
  Snapshot,
  MemoryStore,
  createUplink,
  openService,
  carryWish,
  parseJournalEntry,
  formatView,
  parseView,
  beginLife,
  readStatuses,
  statusKey,
};

export type Cores = typeof cores;
