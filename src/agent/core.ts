import {
  beginAttach,
  endAttachGrant,
  failJournal,
  noteJournaled,
  settleAttaches,
  timeOutAttaches,
} from './attach.ts';
import { beginDetach, endDetachGrant, settleDetaches } from './detach.ts';
import type { AgentEffect, AgentEvent } from './event.ts';
import { reportStatus } from './report.ts';
import { beginReset, settleResets } from './reset.ts';
import { hear, loseSession, watchSession } from './session.ts';
import type { AgentState } from './state.ts';
import { beginTurn, endTurn, failLook, markDirty, retryTurn, takeLook } from './turn.ts';

/**
 * What the agent decides, without a clock, a socket, a file or a kernel of its own: an event goes in, effects come
 * out. Events only mark things dirty; the turn (turn.ts) settles them from the latest view and a fresh look, so that
 * what results depends on the state and never on the order in which events came.
 */
export function step(state: AgentState, event: AgentEvent, nowMs: number): AgentEffect[] {
  return [...react(state, event, nowMs), ...settle(state), ...beginTurn(state, nowMs)];
}

/** Between turns: answers everybody whose wish the kernel now fulfils. */
function settle(state: AgentState): AgentEffect[] {
  if (state.turn.phase !== 'idle') return [];
  return [...settleAttaches(state), ...settleDetaches(state), ...settleResets(state)];
}

function react(state: AgentState, event: AgentEvent, nowMs: number): AgentEffect[] {
  switch (event.event) {
    case 'asked-attach':
      return beginAttach(state, event.request, event.ask, nowMs);
    case 'attach-granted':
      return endAttachGrant(state, event.request, event.grant);
    case 'asked-detach':
      return beginDetach(state, event.request, event.ask, nowMs);
    case 'detach-granted':
      return endDetachGrant(state, event.endpoint, event.refused);
    case 'asked-reset':
      return beginReset(state, event.request);
    case 'journaled':
      return noteJournaled(state, event.key);
    case 'journal-failed':
      return failJournal(state, event.key, event.rejection);
    case 'heard':
      return hear(state, event.message, nowMs);
    case 'disconnected':
      return loseSession(state);
    case 'kernel-changed':
      return markDirty(state);
    case 'observed':
      return takeLook(state, event.state, nowMs);
    case 'observe-failed':
      return failLook(state, nowMs);
    case 'applied':
      return endTurn(state, event.results, nowMs);
    case 'tick':
      return [
        ...watchSession(state, nowMs),
        ...timeOutAttaches(state, nowMs),
        ...retryTurn(state, nowMs),
        ...reportStatus(state, nowMs),
      ];
  }
}
