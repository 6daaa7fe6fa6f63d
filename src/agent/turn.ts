import type { Observed, Scope } from '#kernel/kernel.ts';
import type { Id } from '#model/id.ts';
import type { KernelOp, OpResult } from '#model/kernel-op.ts';
import { type KernelKind, kernelKey } from '#model/kernel-state.ts';
import type { Revision } from '#model/records.ts';
import { linkKey } from '#plan/link.ts';
import { type Concern, isAbout, join, widen, without } from './concern.ts';
import type { AgentEffect } from './event.ts';
import { noteForwarding } from './forwarding.ts';
import { noteOutages } from './outages.ts';
import {
  chooseReach,
  endRetries,
  isGlanceDue,
  isRetryDue,
  isSweepDue,
  noteAsked,
  noteEnd,
  scheduleRetry,
  wakeInTime,
} from './pace.ts';
import { takesPart } from './place-of.ts';
import { planOps } from './plan-ops.ts';
import { noteRefused } from './refused.ts';
import { noteStatus, renewNotices } from './report.ts';
import { noteLive, scopeOf } from './scope.ts';
import { type AgentState, liveAttachments, promiseKey } from './state.ts';
import { noteStations } from './stations.ts';
import type { Turn } from './turn-state.ts';

/*
 * A turn is a look at everything, or a glance: at everything but the rows of tables, of which there can be a hundred
 * thousand, with every so often their sum. A glance mends what it can; for the rest, and when a sum is not that of the
 * last look that found all well, it becomes a look. Where what asks for a turn is about some networks, it takes in those
 * (see concern.ts).
 */

/** Something happened: look again, in its time. Whatever else happens before costs nothing more. */
export function markDirty(state: AgentState, concern: Concern = 'all'): AgentEffect[] {
  noteAsked(state);
  state.turn.dirty = join(state.turn.dirty, concern);
  return [];
}

/** Somebody waits for what only a look can do. */
export function markUrgent({ turn }: AgentState, concern: Concern = 'all'): AgentEffect[] {
  turn.dirty = join(turn.dirty, concern);
  turn.urgent = true;
  return [];
}

/** Links or addresses may have changed: a glance will tell. */
export function markStirred(state: AgentState, concern: Concern = 'all'): AgentEffect[] {
  noteAsked(state);
  state.turn.stirred = join(state.turn.stirred, concern);
  return [];
}

/** Whether a look is under way, or awaited: only its end tells how far the kernel has come. */
export const isLooking = ({ phase, reach, urgent }: Turn): boolean =>
  urgent || (phase !== 'idle' && reach === 'look');

/** Whether what is heard now, once written, is all that the kernel lacks: a look that failed has yet to be made up for. */
const isAbreast = (turn: Turn): boolean => !isLooking(turn) && !turn.owesLook;

/** What was heard up to that revision is in the kernel, unless a look has yet to bring it there. */
export function markApplied({ turn }: AgentState, revision: Revision): AgentEffect[] {
  if (isAbreast(turn)) turn.applied = Math.max(turn.applied, revision);
  return [];
}

/** Begins a turn if there is reason to, it is time, and none is under way. */
export function beginTurn(state: AgentState): AgentEffect[] {
  if (state.turn.phase !== 'idle') return [];
  const reach = chooseReach(state);
  if (reach === 'look') return beginLook(state);
  return reach === 'glance' ? beginGlance(state) : wakeInTime(state);
}

function beginLook(state: AgentState): AgentEffect[] {
  const { turn } = state;
  const concern = widen(state, turn.dirty ?? 'all');
  turn.dirty = undefined;
  turn.urgent = false;
  turn.revision = state.view.revision;
  return observe(state, 'look', concern);
}

function beginGlance(state: AgentState): AgentEffect[] {
  const { turn } = state;
  // What comes without an event is sought in its time, everywhere.
  const [isDue, sums] = [isGlanceDue(state), isSweepDue(state)];
  // Without sums of before, to compare with, a look would follow.
  if (sums && !turn.rowSums) {
    turn.dirty = 'all';
    return beginLook(state);
  }
  const concern = isDue || sums ? 'all' : widen(state, turn.stirred ?? 'all');
  return observe(state, 'glance', concern, {
    trustsSilence: isDue ? 'mostly' : true,
    rows: sums ? 'sums' : 'none',
  });
}

function observe(
  state: AgentState,
  reach: Turn['reach'],
  concern: Concern,
  depth: Pick<Scope, 'trustsSilence' | 'rows'> = {},
): AgentEffect[] {
  const { turn, nowMs } = state;
  const scope = { ...scopeOf(state, concern), ...depth };
  turn.phase = 'observing';
  turn.stirred = without(turn.stirred, concern);
  turn.concern = concern;
  turn.reach = reach;
  turn.lastLookMs = nowMs;
  turn.scope = scope;
  return [{ effect: 'observe', scope }];
}

/** The kernel as it is: what must be done to bring it to the view? */
export function takeLook(state: AgentState, observed: Observed): AgentEffect[] {
  const { turn } = state;
  turn.unseen = undefined;
  noteLive(state, observed);
  noteStations(state, observed.bridges);
  if (turn.concern === 'all') noteRefused(state, observed);
  noteForwarding(state, observed);
  const isGlance = turn.reach === 'glance';
  turn.ops = planOps(state, observed, { rows: !isGlance, concern: turn.concern });
  turn.planned = new Set(liveAttachments(state).map(({ endpoint }) => promiseKey(endpoint)));
  if (isGlance && (haveRowsChanged(turn, observed) || !turn.ops.every(({ op }) => isSmall(op)))) {
    turn.dirty = join(turn.dirty, turn.concern);
    return beginLook(state);
  }
  if (!isGlance) {
    // What was heard since then of other networks waits for the next one.
    if (turn.concern === 'all' || !turn.dirty) turn.revision = state.view.revision;
    turn.looking = networksOf(state);
    turn.rowSums = turn.ops.length === 0 ? sumsOf(turn, observed) : undefined;
  }
  if (turn.ops.length === 0) return endTurn(state, []);
  // Of an earlier revision's making: what the kernel lost since then.
  noteStatus(state, turn.ops, turn.failing);
  turn.phase = 'applying';
  return [{ effect: 'apply', ops: turn.ops.map(({ op }) => op), scope: scopeOf(state) }];
}

/** Whether a sum is not that of rows that are as wished. Unknown ones count as changed. */
const haveRowsChanged = ({ scope, rowSums }: Turn, seen: Observed): boolean =>
  scope?.rows === 'sums' &&
  (rowSums?.size !== seen.rowSums.size || [...seen.rowSums].some(([ns, sum]) => rowSums.get(ns) !== sum));

/** Of all networks, as far as they were looked at. */
const sumsOf = ({ concern, rowSums }: Turn, seen: Observed): Turn['rowSums'] =>
  concern === 'all' ? seen.rowSums : rowSums && new Map([...rowSums, ...seen.rowSums]);

const SMALL_KINDS: ReadonlySet<KernelKind> = new Set([
  'address',
  'route',
  'set',
  'element',
  'chain',
  'permit',
  'setting',
]);

/** Whether it costs no rows; those that go with a link that is set down are told one by one. */
const isSmall = ({ verb, object: { kind } }: KernelOp): boolean =>
  SMALL_KINDS.has(kind) || (kind === 'link' && verb === 'change');

/** Those that this host takes part in, as far as they are complete once this turn has ended. */
function networksOf(state: AgentState): Set<Id> {
  const { view, wishesNothing, turn } = state;
  const isSeen = (id: Id) => turn.complete.has(id) || isAbout(state, turn.concern, id);
  return new Set(
    [...view.networks.keys()].filter((id) => !wishesNothing && takesPart(state, id) && isSeen(id)),
  );
}

/** The kernel has answered: remember what it refused, and come back for it. */
export function endTurn(state: AgentState, results: readonly OpResult[]): AgentEffect[] {
  const { turn } = state;
  turn.phase = 'idle';
  noteEnd(state);
  const refused = results.filter(({ ok }) => !ok);
  noteOutages(state, results);
  // A glance without a refusal says nothing of what was refused before.
  if (turn.reach === 'look' || refused.length > 0) noteOutcome(state, refused);
  noteStatus(state, refused.length > 0 ? turn.ops : [], turn.failing);
  // They can be many.
  turn.ops = [];
  return hasBarePort(results) ? markUrgent(state) : [];
}

/**
 * Of ports that were tried behind a stranger's interface, and made since that had just gone, as the end of a namespace that
 * the kernel was still taking down: nothing else of them was planned, and no row of them would come before the next look.
 */
function hasBarePort(results: readonly OpResult[]): boolean {
  const written = new Set(
    results.flatMap(({ op: { object } }) => (object.kind === 'link' ? kernelKey(object) : [])),
  );
  return results.some(({ ok, op: { verb, object } }) => {
    if (!ok || verb !== 'add' || object.kind !== 'link' || object.detail.type !== 'veth') return false;
    const end = object.detail.peer;
    return end !== undefined && !written.has(linkKey(end.ns, end.name));
  });
}

function noteOutcome(state: AgentState, refused: readonly OpResult[]): void {
  const { turn } = state;
  turn.failing = refused;
  if (turn.reach === 'look') {
    turn.applied = Math.max(turn.applied, turn.revision);
    turn.owesLook = false;
  }
  turn.complete = refused.length === 0 ? turn.looking : new Set();
  if (refused.length > 0) scheduleRetry(state);
  else endRetries(state);
}

/** The kernel could not even be looked at. */
export function failLook(state: AgentState, text: string): AgentEffect[] {
  const { turn } = state;
  turn.phase = 'idle';
  // It has seen nothing of what it was to take in.
  turn.scope = undefined;
  turn.owesLook ||= turn.reach === 'look';
  scheduleRetry(state);
  // One alone is nothing: what is looked at can change meanwhile.
  if (turn.failures < FAILURES_TO_TELL) return [];
  turn.unseen = text;
  return renewNotices(state);
}
const FAILURES_TO_TELL = 3;

/** Time has come to try again, or to glance whether all is still well. */
export function retryTurn(state: AgentState): AgentEffect[] {
  if (isRetryDue(state)) return markUrgent(state);
  return isGlanceDue(state) ? markStirred(state) : [];
}
