import { admitHeld, canAdmitHeld, type LocalGrant } from '#intent/admit-locally.ts';
import { fault, isRejection, type Rejection, reject } from '#model/fault.ts';
import type { Endpoint } from '#model/records.ts';
import type { AttachEndpoint } from '#model/wish.ts';
import { release } from './detach.ts';
import { attachedAs } from './door-handle.ts';
import type { AgentEffect, DoorHandle } from './event.ts';
import { grantedFor } from './held.ts';
import { isHeard, isTakenAway } from './own-word.ts';
import type { AgentState } from './state.ts';

/**
 * What needs no granting any more: the same handle again, or an address that was set aside with an endpoint of the
 * controller's. Undefined when it is an attach like any other.
 */
export function grantThroughDoor(
  state: AgentState,
  door: DoorHandle,
  wish: AttachEndpoint,
): LocalGrant | Rejection | undefined {
  const known = attachedAs(state, door)?.endpoint;
  if (known)
    return known.network === wish.network
      ? { endpoint: known, notices: [] }
      : reject('conflict', elsewhere(wish));
  const held = grantedFor(state, wish.network, wish.addresses);
  if (!held || isTakenAway(state, held.endpoint.id, held.revision)) return undefined;
  const endpoint = admitHeld(wish, held.endpoint);
  return isRejection(endpoint) ? endpoint : { endpoint, notices: [] };
}

/**
 * With the controller away nobody gives an address outside of this host's blocks, or a MAC that is asked for. But those
 * of an endpoint that the controller has not been told the end of are still this host's: a container that is started
 * again has its own again, by that endpoint. It is known under its id alone, so that is kept.
 */
export function grantAgain(state: AgentState, wish: AttachEndpoint): LocalGrant | Rejection | undefined {
  const { attachments, unasked, session, view } = state;
  if (session.connected) return undefined;
  const gone = [...unasked].find((id) => {
    const { endpoint, state: is } = attachments.get(id) ?? {};
    if (!endpoint || is !== 'detaching' || !isOf(wish, endpoint)) return false;
    return isHeard(view, endpoint.network) && canAdmitHeld(wish, endpoint, view);
  });
  const endpoint = gone && admitHeld(wish, attachments.get(gone)!.endpoint);
  return endpoint && (isRejection(endpoint) ? endpoint : { endpoint, notices: [] });
}

const isOf = ({ network, runtime, addresses, mac }: AttachEndpoint, endpoint: Endpoint): boolean =>
  endpoint.network === network &&
  endpoint.runtime === runtime &&
  (mac === undefined
    ? addresses.some((text) => endpoint.addresses.some((ip) => ip === text))
    : mac === endpoint.mac);

/**
 * Beside an address that the controller granted, with an endpoint, one is asked for that only the controller can grant:
 * that endpoint goes back, so that the controller can give both to the new one. The address stays set aside.
 */
export function giveBackHeld(state: AgentState, wish: AttachEndpoint): AgentEffect[] {
  const held = grantedFor(state, wish.network, wish.addresses)?.endpoint;
  if (!held || canAdmitHeld(wish, held, state.view)) return [];
  for (const [key, { untilMs, grant }] of state.holds)
    if (grant?.endpoint.id === held.id) state.holds.set(key, { untilMs });
  return release(state, held);
}

const elsewhere = ({ network, containerId }: AttachEndpoint) =>
  fault('network', network, `is not where ${containerId} is`, 'detach it there first');
