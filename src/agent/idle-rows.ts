import type { Fdb, NamespaceName } from '#model/kernel-state.ts';
import { hostTag, overlayNamespace } from '#model/own.ts';
import { askedRows } from '#plan/asked-rows.ts';
import { isOnDemand } from '#plan/tunnel.ts';
import type { AgentEffect } from './event.ts';
import { placeOf, takesPart } from './place-of.ts';
import { deleteAll } from './shortcut.ts';
import { noteStanding } from './standing-rows.ts';
import type { AgentState } from './state.ts';

/** As long as a VXLAN device keeps what it has learned (linux drivers/net/vxlan, FDB_AGE_DEFAULT). */
const IDLE_LIMIT_MS = 300_000;
const LOOK_INTERVAL_MS = 60_000;

/** Rows that were written for somebody, and by which no frame has been sent for long, are looked for now and then. */
export function findIdle(state: AgentState): AgentEffect[] {
  const { misses, nowMs } = state;
  // An old view deletes nothing.
  if (nowMs < misses.nextIdleLookMs || !state.confirmed) return [];
  misses.nextIdleLookMs = nowMs + LOOK_INTERVAL_MS;
  const overlays = onDemandOverlays(state);
  return overlays.length === 0 ? [] : [{ effect: 'find-idle', overlays, idleMs: IDLE_LIMIT_MS }];
}

/** A row goes, and with it those that answer for its MAC: an answer without it would send frames nowhere. */
export function dropIdle(state: AgentState, rows: readonly Fdb[]): AgentEffect[] {
  const surplus = rows.flatMap(({ ns, mac }) => {
    const place = placeOf(state, ns);
    return place ? askedRows(place, { mac }) : [];
  });
  if (surplus.length === 0) return [];
  const ops = deleteAll(surplus);
  noteStanding(state, ops);
  const scope = { hostTag: hostTag(state.host), containers: [] };
  return [{ effect: 'shortcut', ops, scope, purpose: { answers: [] } }];
}

function onDemandOverlays(state: AgentState): NamespaceName[] {
  const networks = [...state.view.networks.values()].filter(
    (network) => isOnDemand(network) && takesPart(state, network.id),
  );
  return networks.map(({ vni }) => overlayNamespace(hostTag(state.host), vni));
}
