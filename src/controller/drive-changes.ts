import type { Admitted } from '#intent/admitted.ts';
import { fault, isRejection, type Rejection, reject } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import { hostTag, overlayNamespace } from '#model/own.ts';
import type { Network } from '#model/records.ts';
import type { Wish } from '#model/wish.ts';
import { followingHosts } from './ask-others.ts';
import type { Petition } from './event.ts';
import { NOBODY } from './free-blocks.ts';
import type { ControllerState, Phase } from './state.ts';

/*
 * A change of a running network goes on when every host of it has taken the phase (see TunnelChange). A host that is
 * away is waited for a little while, for its agent may only be restarting, and takes what it missed when it is back.
 */

/** An agent that is killed is back within seconds. */
const AWAY_LIMIT_MS = 10_000;
/** So long may a host that is there take to write its rows, or try again what its kernel refuses. */
const STUCK_LIMIT_MS = 30_000;

/** Wishes for the phases that are over. */
export function driveChanges(state: ControllerState, nowMs: number): Petition[] {
  const { snapshot, phases } = state;
  for (const id of phases.keys()) if (!snapshot.networks.get(id)?.change) phases.delete(id);
  return [...snapshot.networks.values()].flatMap((network) => {
    const { id, change } = network;
    if (!change) return [];
    const last = phases.get(id);
    const phase =
      last?.since === change.since
        ? last
        : { since: change.since, seenMs: nowMs, left: last?.left ?? new Set<Id>() };
    phases.set(id, phase);
    const verdict = judge(state, network, phase, nowMs - phase.seenMs);
    if (verdict === 'wait') return [];
    const wish: Wish = {
      wish: 'advance-change',
      network: id,
      since: change.since,
      undo: verdict === 'undo',
    };
    return [{ request: NOBODY, principal: { role: 'operator', name: 'controller' }, wish }];
  });
}

/** Whether a host has come since the wish was made that has not taken the phase: it is made again in time. */
export function isOvertaken(state: ControllerState, wish: Wish, nowMs: number): boolean {
  if (wish.wish !== 'advance-change') return false;
  const [network, phase] = [state.snapshot.networks.get(wish.network), state.phases.get(wish.network)];
  if (!network || network.change?.since !== wish.since || phase?.since !== wish.since) return false;
  return judge(state, network, phase, nowMs - phase.seenMs) === 'wait';
}

/** What one host cannot take is taken back everywhere while nothing depends on it yet. */
function judge(
  state: ControllerState,
  network: Network,
  { left }: Phase,
  waitedMs: number,
): 'go on' | 'wait' | 'undo' {
  const members = [...state.snapshot.inNetwork(network.id).endpointCount.keys()];
  const behind = members.filter((host) => !hasTaken(state, network, host));
  if (behind.length === 0) return 'go on';
  const following = followingHosts(state);
  // Perhaps another controller has them.
  if (!members.some((host) => following.has(host))) return 'wait';
  if (behind.some((host) => following.has(host))) {
    if (waitedMs < STUCK_LIMIT_MS) return 'wait';
    return network.change?.phase === 'prepare' && network.transitVni === undefined ? 'undo' : 'go on';
  }
  if (waitedMs < AWAY_LIMIT_MS && !behind.every((host) => left.has(host))) return 'wait';
  for (const host of behind) left.add(host);
  return 'go on';
}

function hasTaken({ statuses }: ControllerState, { vni, change }: Network, host: Id): boolean {
  const status = statuses.get(host);
  const ns = overlayNamespace(hostTag(host), vni);
  return (
    status !== undefined &&
    status.appliedRevision >= change!.since &&
    !status.failing.some(({ command }) => command.includes(ns))
  );
}

/** Without `force` a change does not begin while a host of the network is away: it would be left behind. */
export function refuseLeavingBehind(
  state: ControllerState,
  wish: Wish,
  answer: Admitted | Rejection,
): Admitted | Rejection {
  if (isRejection(answer) || wish.wish !== 'change-network' || wish.force) return answer;
  const network = answer.changes.length > 0 && answer.subject?.kind === 'network' && answer.subject;
  if (!network) return answer;
  const { snapshot } = state;
  const following = followingHosts(state);
  const away = [...snapshot.inNetwork(network.id).endpointCount.keys()].filter((id) => !following.has(id));
  if (away.length === 0) return answer;
  const names = away.map((id) => snapshot.hosts.get(id)?.name ?? id);
  return reject(
    'unavailable',
    ...names.map((name) =>
      fault(
        'host',
        name,
        'is away, and would not reach the others until it is back',
        'start its agent, or give --force to go on without it',
      ),
    ),
  );
}
