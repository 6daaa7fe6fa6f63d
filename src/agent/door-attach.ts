import { admitHeld, type LocalGrant } from '#intent/admit-locally.ts';
import { fault, isRejection, type Rejection, reject } from '#model/fault.ts';
import type { AttachEndpoint } from '#model/wish.ts';
import { attachedAs } from './door-handle.ts';
import type { DoorHandle } from './event.ts';
import { grantedFor } from './held.ts';
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
  const { view, heldRevision } = state;
  const known = attachedAs(state, door)?.endpoint;
  if (known)
    return known.network === wish.network
      ? { endpoint: known, notices: [] }
      : reject('conflict', elsewhere(wish));
  const held = grantedFor(state, wish.network, wish.addresses);
  const isVoid = held && view.revision >= heldRevision && !view.endpoints.has(held.id);
  if (!held || isVoid) return undefined;
  const endpoint = admitHeld(wish, held);
  return isRejection(endpoint) ? endpoint : { endpoint, notices: [] };
}

const elsewhere = ({ network, containerId }: AttachEndpoint) =>
  fault('network', network, `is not where ${containerId} is`, 'detach it there first');
