import type { Id } from '#model/id.ts';
import type { OpResult } from '#model/kernel-op.ts';
import { emptyKernelState, type KernelState, kernelKey } from '#model/kernel-state.ts';
import { hostTag, overlayNamespace, portName } from '#model/own.ts';
import { desired } from '#plan/desired.ts';
import { diff } from '#plan/diff.ts';
import { hostView } from '#plan/host-view.ts';
import { order, type RankedOp } from '#plan/order.ts';
import type { AgentEffect } from './event.ts';
import { noteStatus } from './report.ts';
import { noteLive, runtimeFacts, scopeOf } from './scope.ts';
import type { AgentState } from './state.ts';

/** Links' and addresses' changes mostly come as events; this look finds what came without one. */
const LOOK_INTERVAL_MS = 5_000;
/** Where much is to be looked at, looks are rarer: the share of the time that they take has a bound. */
const LONGEST_INTERVAL_MS = 30_000;
const IDLE_SHARE = 1 / 40;
const BUSY_SHARE = 1 / 10;
const SHORTEST_DISTANCE_MS = 50;
const FIRST_RETRY_DELAY_MS = 500;
const LONGEST_RETRY_DELAY_MS = 30_000;

/** Something happened: look again, in its time. Whatever else happens before costs nothing more. */
export function markDirty({ turn }: AgentState): AgentEffect[] {
  turn.dirty = true;
  return [];
}

/** Somebody waits for what only a turn can do. */
export function markUrgent({ turn }: AgentState): AgentEffect[] {
  turn.dirty = true;
  turn.urgent = true;
  return [];
}

/** Begins a turn if there is reason to, it is time, and none is under way. */
export function beginTurn(state: AgentState): AgentEffect[] {
  const { turn, nowMs } = state;
  if (turn.phase !== 'idle' || !turn.dirty || !(turn.urgent || nowMs >= turn.nextLookMs)) return [];
  turn.phase = 'observing';
  turn.dirty = false;
  turn.urgent = false;
  turn.revision = state.view.revision;
  turn.lastLookMs = nowMs;
  turn.scope = scopeOf(state);
  return [{ effect: 'observe', scope: turn.scope }];
}

/** The kernel as it is: what must be done to bring it to the view? */
export function takeLook(state: AgentState, observed: KernelState): AgentEffect[] {
  const { turn } = state;
  noteLive(state, observed);
  turn.revision = state.view.revision;
  turn.ops = planOps(state, observed);
  turn.looking = networksOf(state);
  // Of an earlier revision's making: what the kernel lost since then.
  noteStatus(state, turn.ops, turn.failing);
  if (turn.ops.length === 0) return endTurn(state, []);
  turn.phase = 'applying';
  return [{ effect: 'apply', ops: turn.ops.map(({ op }) => op), scope: scopeOf(state) }];
}

/** Those that this host takes part in. */
const networksOf = ({ view, host, wishesNothing }: AgentState): Set<Id> =>
  new Set(
    [...view.networks.keys()].filter((id) => !wishesNothing && view.inNetwork(id).endpointCount.has(host)),
  );

/** From what is to what should be, in order. */
export function planOps(state: AgentState, observed: KernelState, nothing = state.wishesNothing): RankedOp[] {
  const context = { hostTag: hostTag(state.host) };
  const view = nothing ? undefined : hostView(state.view, state.host);
  const wished = view ? desired(view, runtimeFacts(state)) : emptyKernelState();
  const ops = order(diff(wished, observed, context));
  return state.confirmed || nothing ? ops : withoutDoubtfulDeletes(state, ops);
}

/**
 * An old view may lack what was added since: from it alone only what the journal says was detached is deleted, and
 * what is made anew in the same turn.
 */
function withoutDoubtfulDeletes(state: AgentState, ops: readonly RankedOp[]): RankedOp[] {
  const added = new Set(ops.filter(({ op }) => op.verb === 'add').map(({ op }) => keyOf(op.object)));
  const detached = new Set(
    [...state.attachments.values()]
      .filter((attachment) => attachment.state === 'detaching')
      .map(({ endpoint }) => `${overlayOf(state, endpoint.network)} ${portName(endpoint.id)}`),
  );
  return ops.filter(({ op: { verb, object } }) => {
    if (verb !== 'delete' || added.has(keyOf(object))) return true;
    if (object.kind === 'link') return detached.has(`${object.ns} ${object.name}`);
    return 'dev' in object && detached.has(`${object.ns} ${object.dev}`);
  });
}

const keyOf = (object: RankedOp['op']['object']): string => `${object.kind} ${kernelKey(object)}`;

function overlayOf(
  state: AgentState,
  network: Parameters<typeof state.view.networks.get>[0],
): string | undefined {
  const record = state.view.networks.get(network);
  return record && overlayNamespace(hostTag(state.host), record.vni);
}

/** The kernel has answered: remember what it refused, and come back for it. */
export function endTurn(state: AgentState, results: readonly OpResult[]): AgentEffect[] {
  const { turn } = state;
  turn.phase = 'idle';
  turn.applied = Math.max(turn.applied, turn.revision);
  turn.failing = results.filter(({ ok }) => !ok);
  noteStatus(state, turn.failing.length > 0 ? turn.ops : [], turn.failing);
  const costMs = state.nowMs - turn.lastLookMs;
  turn.nextLookMs = state.nowMs + Math.max(SHORTEST_DISTANCE_MS, costMs / BUSY_SHARE);
  turn.idleLookMs =
    state.nowMs + Math.min(Math.max(LOOK_INTERVAL_MS, costMs / IDLE_SHARE), LONGEST_INTERVAL_MS);
  turn.complete = turn.failing.length === 0 ? turn.looking : new Set();
  if (turn.failing.length === 0) {
    turn.failures = 0;
    turn.retryAtMs = 0;
  } else scheduleRetry(state);
  return [];
}

/** The kernel could not even be looked at. */
export function failLook(state: AgentState): AgentEffect[] {
  state.turn.phase = 'idle';
  scheduleRetry(state);
  return [];
}

function scheduleRetry({ turn, nowMs }: AgentState): void {
  turn.failures++;
  turn.retryAtMs = nowMs + Math.min(FIRST_RETRY_DELAY_MS * 2 ** (turn.failures - 1), LONGEST_RETRY_DELAY_MS);
}

/** Time has come to try again, or to look whether all is still well. */
export function retryTurn(state: AgentState): AgentEffect[] {
  const { retryAtMs, idleLookMs, phase } = state.turn;
  if (retryAtMs > 0 && state.nowMs >= retryAtMs) {
    state.turn.retryAtMs = 0;
    return markUrgent(state);
  }
  return phase === 'idle' && state.nowMs >= idleLookMs ? markDirty(state) : [];
}
