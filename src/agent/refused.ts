import type { Element } from '#model/filter.ts';
import { FORGED, forgeryOf } from '#model/forgery.ts';
import type { RefusedFrames } from '#model/host-status.ts';
import { HOST_NAMESPACE, type KernelState } from '#model/kernel-state.ts';
import { portName } from '#model/own.ts';
import { REFUSED_VXLAN, vxlanRefusalOf } from '#model/vxlan-refusal.ts';
import { type AgentState, liveAttachments } from './state.ts';

/** What the rules have counted, as a look finds it. */
export function noteRefused(state: AgentState, { element }: KernelState): void {
  const counted = [...element.values()].filter(({ packets = 0 }) => packets > 0);
  if (counted.length === 0 && state.refused.length === 0) return;
  const endpoints = new Map(liveAttachments(state).map(({ endpoint: { id } }) => [portName(id), id]));
  state.refused = counted.flatMap((each) => {
    const endpoint = endpoints.get(String(each.key[0]));
    return refusedBy(each, endpoint === undefined ? undefined : { endpoint });
  });
  if (state.status) state.status = { ...state.status, refused: state.refused };
}

function refusedBy(
  { ns, set, key, packets: count = 0 }: Element,
  endpoint: RefusedFrames['from'] | undefined,
): RefusedFrames[] {
  const [device, number] = [String(key[0]), Number(key[1])];
  const isVxlan = ns === HOST_NAMESPACE && set.name === REFUSED_VXLAN;
  const kind = isVxlan ? vxlanRefusalOf(number) : set.name === FORGED ? forgeryOf(number) : undefined;
  const from = isVxlan ? { device } : endpoint;
  return kind && from ? [{ from, kind, count }] : [];
}
