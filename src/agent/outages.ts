import type { OpResult } from '#model/kernel-op.ts';
import type { NamespaceName } from '#model/kernel-state.ts';
import { hostTag, overlayNamespace } from '#model/own.ts';
import { isSendingTunnel } from '#plan/tunnel.ts';
import { takesPart } from './place-of.ts';
import type { AgentState } from './state.ts';

/** Takes down for how long the networks' tunnels were away that were made anew in this turn. */
export function noteOutages(state: AgentState, results: readonly OpResult[]): void {
  const { outages, view, turn, host } = state;
  for (const network of outages.keys()) if (!takesPart(state, network)) outages.delete(network);
  const durations = durationsOf(results);
  if (durations.size === 0) return;
  for (const { id, vni } of view.networks.values()) {
    const durationMs = durations.get(overlayNamespace(hostTag(host), vni));
    if (durationMs !== undefined) outages.set(id, { network: id, revision: turn.revision, durationMs });
  }
}

/** From when a tunnel went, or went down, until one of its name was there again, and up. */
function durationsOf(results: readonly OpResult[]): Map<NamespaceName, number> {
  const durations = new Map<NamespaceName, number>();
  const goneAt = new Map<string, number>();
  for (const result of results) {
    const { verb, object } = result.op;
    if (!result.ok || result.atMs === undefined || object.kind !== 'link') continue;
    const device = `${object.ns} ${object.name}`;
    const goes = verb === 'delete' || (verb === 'change' && !object.up);
    const since = goneAt.get(device);
    if (goes && isSendingTunnel(object)) goneAt.set(device, result.atMs);
    if (goes || since === undefined) continue;
    durations.set(object.ns, roundToTenth(result.atMs - since));
    goneAt.delete(device);
  }
  return durations;
}

const roundToTenth = (ms: number): number => Math.round(ms * 10) / 10;
