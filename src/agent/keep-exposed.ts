import type { FollowMessage } from '#api/follow-message.ts';
import { HOST_NAMESPACE_REF } from '#model/namespace-ref.ts';
import { exposedName } from '#model/own.ts';
import type { Change, Endpoint, Exposure, Network } from '#model/records.ts';
import { beginAttach } from './attach.ts';
import { dropAttachment } from './detach.ts';
import type { AgentEffect } from './event.ts';
import { ownEndpoints, ownExposures } from './exposures.ts';
import type { AgentState } from './state.ts';

/**
 * A network that is exposed on this host has the host itself as an endpoint, in the host's own namespace: by the same
 * way as a container, but that nobody attaches it. It is asked for as long as the record is there, anew in each boot,
 * and given back when the record is gone.
 */
export const keepExposed = (state: AgentState): AgentEffect[] => [
  ...askForExposed(state),
  ...dropHidden(state),
];

function askForExposed(state: AgentState): AgentEffect[] {
  const exposures = ownExposures(state);
  for (const id of state.unexposed.keys())
    if (!exposures.some((exposure) => exposure.id === id)) state.unexposed.delete(id);
  return exposures.flatMap((exposure) => askFor(state, exposure));
}

/** What is exposed on this host after a reset is the end of wishing nothing. What is hidden was dropped first. */
export function hearExposures(state: AgentState, message: FollowMessage): AgentEffect[] {
  const isOwn = (change: Change) =>
    change.verb === 'put' && change.record.kind === 'exposure' && change.record.host === state.host;
  if (state.resetting.size === 0 && message.message === 'delta' && message.changes.some(isOwn))
    state.wishesNothing = false;
  return askForExposed(state);
}

function askFor(state: AgentState, exposure: Exposure): AgentEffect[] {
  const network = state.view.networks.get(exposure.network);
  const isAsked = [...state.attaching.values()].some(
    ({ ask: { exposure: asker, words } }) => asker && words.network === exposure.network,
  );
  if (!network || isAsked || ownEndpoints(state).has(network.id)) return [];
  if (state.nowMs < (state.unexposed.get(exposure.id)?.retryAtMs ?? 0)) return [];
  return beginAttach(state, nextRequest(state), {
    namespace: HOST_NAMESPACE_REF,
    exposure: exposure.id,
    words: wordsFor(state, exposure, network),
  });
}

/** Others' requests count from 1 up. */
const nextRequest = ({ attaching }: AgentState): number => Math.min(0, ...attaching.keys()) - 1;

/** It is called as the host is, for containers that look for it. */
const wordsFor = ({ name }: AgentState, { addresses }: Exposure, { id, vni }: Network) => ({
  network: id,
  containerId: name,
  interface: exposedName(vni),
  aliases: [],
  addresses,
});

/**
 * Networks that are not exposed any more, or were hidden and exposed anew with another address. An old view may not know
 * of a record yet.
 */
export function dropHidden(state: AgentState): AgentEffect[] {
  if (!state.confirmed) return [];
  const exposures = ownExposures(state);
  const suits = ({ network, addresses }: Endpoint) =>
    exposures.some(
      (exposure) =>
        exposure.network === network && exposure.addresses.every((each) => addresses.includes(each)),
    );
  const hidden = [...state.attachments.values()].filter(
    ({ endpoint, state: is }) => endpoint.runtime === 'host' && is === 'attached' && !suits(endpoint),
  );
  return hidden.flatMap(({ endpoint }) => dropAttachment(state, endpoint.id));
}
