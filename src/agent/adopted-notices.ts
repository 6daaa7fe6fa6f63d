import type { Id } from '#model/id.ts';
import type { Notice } from '#model/notice.ts';
import type { Network } from '#model/records.ts';
import { clashNotices, filteredNotices, missingBridgeNotice } from '#plan/adopted-notices.ts';
import { clashesOf } from '#plan/stations.ts';
import { ownAdoptions } from './scope.ts';
import type { AgentState } from './state.ts';

/** Who moves is told of by both hosts for ten seconds (see stations.ts). */
const CLASH_DELAY_MS = 15_000;

/** What people should know of this host's adopted bridges. */
export function adoptedNotices(state: AgentState): Notice[] {
  const { view, bridges } = state;
  const host = view.hosts.get(state.host);
  const adoptions = ownAdoptions(state);
  for (const key of state.clashes.keys())
    if (!adoptions.some(({ network }) => isIn(key, network))) state.clashes.delete(key);
  if (!host || adoptions.length === 0 || !bridges) return [];
  return adoptions.flatMap((adoption) => {
    const network = view.networks.get(adoption.network);
    if (!network) return [];
    return [
      ...(bridges.has(adoption.bridge)
        ? filteredNotices(adoption.bridge, state.survey?.filters ?? [], host)
        : [missingBridgeNotice(network, adoption, host)]),
      ...lastingClashes(state, network),
    ];
  });
}

const isIn = (key: string, network: Id): boolean => key.startsWith(`${network} `);

function lastingClashes({ view, host, nowMs, clashes }: AgentState, network: Network): Notice[] {
  const now = clashesOf(view.inNetwork(network.id));
  const keyOf = (what: string) => `${network.id} ${what}`;
  const present = new Set(now.map(({ what }) => keyOf(what)));
  for (const key of clashes.keys()) if (isIn(key, network.id) && !present.has(key)) clashes.delete(key);
  for (const key of present) if (!clashes.has(key)) clashes.set(key, nowMs);
  const lasting = now.filter(({ what }) => nowMs - clashes.get(keyOf(what))! >= CLASH_DELAY_MS);
  return clashNotices(view, network, lasting, host);
}
