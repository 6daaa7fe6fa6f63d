import type { Id } from '#model/id.ts';
import type { AgentEffect } from './event.ts';
import type { AgentState } from './state.ts';
import type { Turn } from './turn-state.ts';

/**
 * What changes without an event, or with one that was lost, is found within five seconds, and where a glance takes long,
 * as with a hundred networks, within thirty …
 */
const GLANCE_INTERVAL_MS = 4_000;
const LONGEST_GLANCE_INTERVAL_MS = 24_000;
const IDLE_SHARE = 1 / 25;
/**
 * … as is what is in tables, or in one of many containers. But the kernel tells of every row that somebody writes or
 * deletes, or that it could not tell: where to sum them up takes long (the time for its dump of an FDB grows with the
 * square), it is done less often.
 */
const SWEEP_INTERVAL_MS = 24_000;
const LONGEST_SWEEP_INTERVAL_MS = 120_000;
const SWEEP_SHARE = 1 / 100;
/** Events can come in any number: turns that they cause take no more than a share of the time. */
const LOOK_SHARE = 1 / 10;
const GLANCE_SHARE = 1 / 4;
const SHORTEST_DISTANCE_MS = 50;
/** Mending is not put off for longer. */
const LONGEST_GLANCE_DISTANCE_MS = 300;
/** Requests come in bursts: a turn that nobody waits for lets them go first, but is not put off for longer than the other time. */
const QUIET_MS = 25;
const LONGEST_COURTESY_MS = 500;
/** From the answer to one call of a runtime for a container to the next one, and to its moving the interface. */
export const NEXT_CALL_MS = 50;
export const MOVE_MS = 5;
/** So long the agent has nothing to do between one answer and the next request of somebody who asks for one after the other. */
const BURST_IDLE_MS = 2;
/** There may always be another container. */
const LONGEST_WORK_MS = 100;
/** By then what it is at is done; what nobody waits for is put off for the time, however many containers come and go. */
const RUNTIME_QUIET_MS = 100;
const LONGEST_REST_DELAY_MS = 500;
const FIRST_RETRY_DELAY_MS = 200;
const LONGEST_RETRY_DELAY_MS = 30_000;

/** What runtimes are let do first. */
export interface RuntimePace {
  /** When a runtime's work with an interface began, or one request upon the other, and until when that is let pass. */
  sinceMs: number;
  untilMs: number;
  /** … or until there was nothing to do for so long. */
  untilIdleMs: number;
  /** When a plain request was answered last. */
  answeredIdleMs: number;
  /** Since when runtimes have not been quiet, and when they count as quiet again. */
  stirredMs: number;
  quietAtMs: number;
  /** When the agent wakes for it. */
  wakeAtMs: number;
}

export const restingPace = (): RuntimePace => ({
  sinceMs: 0,
  untilMs: 0,
  untilIdleMs: Number.POSITIVE_INFINITY,
  answeredIdleMs: Number.NEGATIVE_INFINITY,
  stirredMs: 0,
  quietAtMs: 0,
  wakeAtMs: 0,
});

/** Which turn is to begin now, if any. */
export function chooseReach({ turn, nowMs }: AgentState): Turn['reach'] | undefined {
  if (turn.urgent || (turn.dirty && nowMs >= turn.nextLookMs)) return 'look';
  return turn.stirred && nowMs >= turn.nextGlanceMs ? 'glance' : undefined;
}

/** A turn that is put off, or tried again, begins in time, not at some later event. */
export function wakeInTime({ turn, nowMs }: AgentState): AgentEffect[] {
  const times = [
    turn.dirty !== undefined && turn.nextLookMs,
    turn.stirred !== undefined && turn.nextGlanceMs,
    turn.retryAtMs > 0 && turn.retryAtMs,
  ].filter((time) => time !== false);
  const atMs = Math.min(...times);
  if (times.length === 0 || (turn.wakeAtMs > nowMs && turn.wakeAtMs <= atMs)) return [];
  turn.wakeAtMs = atMs;
  return [{ effect: 'wake', afterMs: Math.max(0, atMs - nowMs) }];
}

/** A turn has ended: when are the next ones? */
export function noteEnd({ turn, nowMs }: AgentState): void {
  const tookMs = nowMs - turn.lastLookMs;
  const distance = (share: number) => Math.max(SHORTEST_DISTANCE_MS, tookMs / share);
  if (turn.reach === 'look') turn.nextLookMs = nowMs + distance(LOOK_SHARE);
  turn.nextGlanceMs = nowMs + Math.min(distance(GLANCE_SHARE), LONGEST_GLANCE_DISTANCE_MS);
  const within = (shortestMs: number, share: number, longestMs: number) =>
    nowMs + Math.min(Math.max(shortestMs, distance(share)), longestMs);
  if (turn.concern !== 'all') return;
  // What is spent on rows is not the glance's.
  const idleShare = turn.scope?.rows === 'none' ? IDLE_SHARE : 1;
  if (turn.scope?.trustsSilence !== true)
    turn.idleGlanceMs = within(GLANCE_INTERVAL_MS, idleShare, LONGEST_GLANCE_INTERVAL_MS);
  if (turn.scope?.rows === undefined) turn.sweepMs = nowMs + SWEEP_INTERVAL_MS;
  if (turn.scope?.rows === 'sums')
    turn.sweepMs = within(SWEEP_INTERVAL_MS, SWEEP_SHARE, LONGEST_SWEEP_INTERVAL_MS);
}

/** To be called before something asks for a turn. */
export function noteAsked({ turn, nowMs }: AgentState): void {
  if (!turn.dirty && !turn.stirred) turn.askedMs = nowMs;
}

/** Somebody asks for something, or was answered: turns wait a little. */
export function letGoFirst(state: AgentState, quietMs = QUIET_MS): void {
  const { turn, nowMs } = state;
  noteAsked(state);
  const sinceMs = Math.max(turn.askedMs, turn.lastLookMs);
  const untilMs = Math.min(nowMs + quietMs, sinceMs + LONGEST_COURTESY_MS);
  turn.nextLookMs = Math.max(turn.nextLookMs, untilMs);
  turn.nextGlanceMs = Math.max(turn.nextGlanceMs, untilMs);
}

/** Whether a glance is due though nothing is known to have happened. */
export const isGlanceDue = ({ turn, nowMs }: AgentState): boolean => nowMs >= turn.idleGlanceMs;

/** Whether the next glance is to take in the sums of rows. */
export const isSweepDue = ({ turn, nowMs }: AgentState): boolean => nowMs >= turn.sweepMs;

export function scheduleRetry({ turn, nowMs }: AgentState): void {
  turn.failures++;
  turn.retryAtMs = nowMs + Math.min(FIRST_RETRY_DELAY_MS * 2 ** (turn.failures - 1), LONGEST_RETRY_DELAY_MS);
}

export function endRetries({ turn }: AgentState): void {
  turn.failures = 0;
  turn.retryAtMs = 0;
}

/** True once for each time. */
export function isRetryDue({ turn, nowMs }: AgentState): boolean {
  if (turn.retryAtMs === 0 || nowMs < turn.retryAtMs) return false;
  turn.retryAtMs = 0;
  return true;
}

/**
 * A runtime is at work with an interface, and waits for each of its calls. What others are told of it waits for `forMs`:
 * until the runtime is in the kernel's hands, which take some 15 ms to move an interface. What nobody waits for, and what
 * would have the kernel's lock meanwhile, waits until the runtime has been quiet.
 */
export function letRuntimeFirst(state: AgentState, forMs: number): AgentEffect[] {
  holdBack(state, forMs);
  return awaitQuiet(state, RUNTIME_QUIET_MS);
}

function holdBack(state: AgentState, forMs: number): void {
  const { runtime, nowMs } = state;
  if (!isRuntimeAtWork(state)) runtime.sinceMs = nowMs;
  runtime.untilMs = Math.min(nowMs + forMs, runtime.sinceMs + LONGEST_WORK_MS);
  runtime.untilIdleMs = Number.POSITIVE_INFINITY;
}

/**
 * One request upon the other, of somebody who waits for each or for all: what others are told of them can wait, and goes
 * together. To be called before a request counts.
 */
export function letBurstPass(state: AgentState): void {
  const { attaching, detaching, runtime, idleMs } = state;
  if (attaching.size + detaching.size > 0 || idleMs - runtime.answeredIdleMs < BURST_IDLE_MS)
    holdBack(state, NEXT_CALL_MS);
}

/** A runtime has asked for something, and may soon ask for more: after a detach at once, or not for long. */
export function awaitQuiet(state: AgentState, quietMs = QUIET_MS): AgentEffect[] {
  const { runtime, nowMs } = state;
  if (isRuntimeQuiet(state)) runtime.stirredMs = nowMs;
  const atMs = Math.max(runtime.quietAtMs, nowMs + quietMs);
  runtime.quietAtMs = Math.min(atMs, runtime.stirredMs + LONGEST_REST_DELAY_MS);
  letGoFirst(state, quietMs);
  return comeBackToRest(state);
}

/** A program that asks for one thing after the other asks for the next one soon, or is done. */
export function noteAnswered(state: AgentState): AgentEffect[] {
  const { runtime, idleMs } = state;
  runtime.answeredIdleMs = idleMs;
  runtime.untilIdleMs = idleMs + BURST_IDLE_MS;
  return comeBackToRest(state);
}

/** Somebody waits for what is held back. */
export function endWork({ runtime, nowMs }: AgentState): void {
  runtime.untilMs = nowMs;
  runtime.quietAtMs = nowMs;
}

export const isRuntimeAtWork = ({ runtime, nowMs, idleMs }: AgentState): boolean =>
  nowMs < runtime.untilMs && idleMs < runtime.untilIdleMs;

export const isRuntimeQuiet = ({ runtime, nowMs }: AgentState): boolean => nowMs >= runtime.quietAtMs;

/** Whether the port of a detached endpoint waits: what a runtime gave back is set down, in the host's own namespace. */
export const isPutOff = (state: AgentState, id: Id): boolean =>
  state.attachments.get(id)?.handle !== undefined && !isRuntimeQuiet(state);

/** Wakes for the next of these times that is to come, once. */
export function comeBackToRest(state: AgentState): AgentEffect[] {
  const { runtime, nowMs, idleMs } = state;
  const { untilMs, untilIdleMs, quietAtMs, wakeAtMs } = runtime;
  const atMs = isRuntimeAtWork(state)
    ? Math.min(untilMs, nowMs + Math.ceil(untilIdleMs - idleMs))
    : quietAtMs;
  if (atMs <= nowMs || (wakeAtMs > nowMs && wakeAtMs <= atMs)) return [];
  runtime.wakeAtMs = atMs;
  return [{ effect: 'wake', afterMs: atMs - nowMs }];
}
