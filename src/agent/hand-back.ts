import { ownedBy } from '#intent/own-blocks.ts';
import { isRejection, type Rejection } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Revision } from '#model/records.ts';
import { networkId } from './attaching.ts';
import type { AgentEffect } from './event.ts';
import { readHoldKey } from './held.ts';
import type { AgentState } from './state.ts';

/*
 * A host that is out of a network gives its blocks there back, and then hears no more of it than that it is. It gives from them
 * no more from the moment on that the journal says so (a restarted agent has an old view, perhaps, in which they are
 * its own) until the view on disk is as new as the controller's answer.
 */

/** A container that is made anew finds its host's blocks still there. What was given back has rested long since. */
const IDLE_LIMIT_MS = 5 * 60_000;
/** Who has one is an end of a tunnel that has two: a third host waits for the place. A restart takes no longer. */
const IDLE_END_LIMIT_MS = 10_000;

export interface HandBack {
  readonly phase: 'journaling' | 'untold' | 'telling' | 'told';
  /** At which the controller answered. */
  readonly revision: Revision;
}

export const UNTOLD: HandBack = { phase: 'untold', revision: 0 };

/** Time has passed, or a reset wants it now: begins, tells and ends what is due. */
export function handBack(state: AgentState): AgentEffect[] {
  const { handingBack, idleSince, session, view, nowMs } = state;
  const effects: AgentEffect[] = [];
  const idle = session.connected && state.confirmed ? idleNetworks(state) : [];
  for (const network of idleSince.keys()) if (!idle.includes(network)) idleSince.delete(network);
  for (const network of idle) {
    const sinceMs = idleSince.get(network) ?? nowMs;
    idleSince.set(network, sinceMs);
    const limitMs = view.networks.get(network)?.mode === 'p2p' ? IDLE_END_LIMIT_MS : IDLE_LIMIT_MS;
    const isDue = state.wishesNothing || nowMs - sinceMs >= limitMs;
    if (!isDue || handingBack.has(network)) continue;
    handingBack.set(network, { phase: 'journaling', revision: 0 });
    effects.push({ effect: 'journal-put', key: network, entry: { entry: 'hand-back', network } });
  }
  return [...effects, ...[...handingBack.keys()].flatMap((network) => continueHandBack(state, network))];
}

/** Networks in which this host has blocks of its own, but no endpoint and none on its way. */
function idleNetworks(state: AgentState): Id[] {
  const { view, attachments, attaching, releasing, holding, holds } = state;
  const host = view.hosts.get(state.host);
  if (!host) return [];
  const owned = new Set<Id>();
  for (const { network } of ownedBy(host, view.blocks)) owned.add(network);
  for (const { endpoint } of attachments.values()) owned.delete(endpoint.network);
  // What is on its way in or out.
  for (const { network } of releasing.values()) owned.delete(network);
  for (const { ask } of holding.values()) owned.delete(ask.network);
  for (const key of holds.keys()) owned.delete(readHoldKey(key)[0]);
  for (const { ask } of attaching.values()) owned.delete(networkId(state, ask.words));
  return [...owned].filter((network) => !view.inNetwork(network).endpointCount.has(host.id));
}

function continueHandBack({ handingBack, session, view }: AgentState, network: Id): AgentEffect[] {
  const { phase, revision } = handingBack.get(network)!;
  if (phase === 'untold' && session.connected) {
    handingBack.set(network, { phase: 'telling', revision });
    return [{ effect: 'ask-return', network }];
  }
  if (phase !== 'told' || view.revision < revision) return [];
  if (session.keptRevision < revision) return [{ effect: 'keep-view' }];
  handingBack.delete(network);
  return [{ effect: 'journal-delete', key: network }];
}

/** The journal has it: an agent that is killed now asks again. */
export function noteHandBackJournaled(state: AgentState, key: string): AgentEffect[] {
  const network = key as Id;
  if (state.handingBack.get(network)?.phase !== 'journaling') return [];
  state.handingBack.set(network, UNTOLD);
  return continueHandBack(state, network);
}

/** A full disk: nobody was told, so the blocks stay. */
export function giveUpHandBack({ handingBack, idleSince, nowMs }: AgentState, key: string): void {
  const network = key as Id;
  if (handingBack.get(network)?.phase !== 'journaling') return;
  handingBack.delete(network);
  idleSince.set(network, nowMs);
}

/** Out of reach: it may have been done, so it is told until it is answered. A refusal leaves the blocks as they are. */
export function endHandBack(state: AgentState, network: Id, outcome: Revision | Rejection): AgentEffect[] {
  const { handingBack, idleSince, nowMs } = state;
  const isAway = isRejection(outcome) && outcome.reason === 'unavailable';
  if (isRejection(outcome)) idleSince.set(network, nowMs);
  const revision = isRejection(outcome) ? 0 : outcome;
  handingBack.set(network, { phase: isAway ? 'untold' : 'told', revision });
  return isAway ? [] : continueHandBack(state, network);
}

/** Whether there is still something to hand back, and somebody to take it. */
export const hasToHandBack = (state: AgentState): boolean =>
  state.session.connected &&
  state.confirmed &&
  (idleNetworks(state).length > 0 || [...state.handingBack.values()].some(({ phase }) => phase !== 'told'));
