import type { Observed } from '#kernel/kernel.ts';
import type { Notice } from '#model/notice.ts';
import { forwardNotices } from '#plan/forward-notices.ts';
import type { HostView } from '#plan/host-view.ts';
import { forwardedIn, NOTHING_FORWARDED } from '#plan/permit.ts';
import type { AgentState } from './state.ts';

/* What others' rules do to what this host forwards: to ways out, published ports and exposed networks. */

/** What a look found. */
export function noteForwarding(state: AgentState, { drops, permit }: Observed): void {
  state.drops = drops;
  state.permits = [...permit.values()];
}

/** What the view asks for. */
export function noteForwarded(state: AgentState, { networks }: HostView): void {
  const isWished = state.canFilter && !state.wishesNothing;
  state.forwarded = isWished ? forwardedIn(networks) : NOTHING_FORWARDED;
}

export const forwardsAny = ({ forwarded: { wfg, wfh } }: AgentState): boolean => wfg.size + wfh.size > 0;

/** What drops, and is not ours to write into. */
export function forwardingNotices({ view, host, forwarded, drops, survey }: AgentState): Notice[] {
  const record = view.hosts.get(host);
  return record ? forwardNotices(record, forwarded, drops, survey?.legacy ?? []) : [];
}
