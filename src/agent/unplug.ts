import type { Id } from '#model/id.ts';
import type { KernelOp, OpResult } from '#model/kernel-op.ts';
import { localObjects } from '#plan/endpoint-objects.ts';
import type { Attachment } from './attachment.ts';
import { aboutNetworks } from './concern.ts';
import { forgetDetached } from './detach.ts';
import type { AgentEffect } from './event.ts';
import { isPutOff } from './pace.ts';
import { thisHost } from './place-of.ts';
import { scopeOf } from './scope.ts';
import type { AgentState } from './state.ts';
import { markStirred, markUrgent } from './turn.ts';

/*
 * The kernel takes some 16 ms to delete a port, and hardly more for many of one network. Nobody waits for it: those
 * that are to go gather while others go, and while a runtime is at work with the next interface, which would wait for
 * the kernel's lock and for RCU; turns leave them alone. Until they are gone the journal says `detaching`: a killed agent
 * begins again.
 */

/** Deletes all ports that are to go, one list at a time; each takes its container's interface along. */
export function unplugWaiting(state: AgentState): AgentEffect[] {
  const { unplugging, attachments } = state;
  if (unplugging.size === 0 || [...unplugging.values()].includes('going')) return [];
  const endpoints = [...unplugging.keys()].filter((id) => !isPutOff(state, id));
  if (endpoints.length === 0) return [];
  for (const id of endpoints) unplugging.set(id, 'going');
  const ops = endpoints.flatMap((id) => deletePort(state, attachments.get(id)));
  return [{ effect: 'unplug', endpoints, ops, scope: scopeOf(state) }];
}

/** Nothing where not even the network is known: what may be left of it a look will find. */
function deletePort(state: AgentState, attachment: Attachment | undefined): KernelOp[] {
  const network = attachment && state.view.networks.get(attachment.endpoint.network);
  const host = thisHost(state);
  if (!network || !host) return [];
  const { endpoint, namespace } = attachment;
  return localObjects(host, network, endpoint, namespace?.path)
    .filter((object) => object.kind === 'link' && object.detail.type === 'veth')
    .map((object) => ({ verb: 'delete', object }));
}

/**
 * Gone, or not: then a turn finds out what is wrong. A glance takes away what they leave, and a look where that is a
 * network.
 */
export function endUnplug(
  state: AgentState,
  endpoints: readonly Id[],
  results: readonly OpResult[],
): AgentEffect[] {
  for (const id of endpoints) state.unplugging.delete(id);
  const networks = endpoints.flatMap((id) => state.attachments.get(id)?.endpoint.network ?? []);
  const isGone = results.every(({ ok }) => ok);
  const mark = isGone ? markStirred(state, aboutNetworks(state, networks)) : markUrgent(state);
  return [...mark, ...endpoints.flatMap((id) => forgetDetached(state, id))];
}

/** Whether the interface of another endpoint, which has the same name in the same container, is still to go. */
export const isNameLeaving = (
  { unplugging, attachments }: AgentState,
  { endpoint, namespace }: Attachment,
): boolean =>
  namespace !== undefined &&
  [...unplugging.keys()].some((id) => {
    const other = attachments.get(id);
    return other?.endpoint.interface === endpoint.interface && other.namespace?.path === namespace?.path;
  });
