import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';
import { overlayNamespace, portName, tunnelName } from '#model/own.ts';
import type { Change, Endpoint, Network } from '#model/records.ts';
import { encodeGratuitousArp, encodeNeighbourAdvertisement } from '#packet/encode-frame.ts';
import { linkLocalOf } from '#plan/link-local.ts';
import { learns } from '#plan/tunnel.ts';
import type { AgentEffect } from './event.ts';
import { thisHost } from './place-of.ts';
import { formerlyAnothers } from './rest.ts';
import type { AgentState } from './state.ts';

/*
 * Containers remember who has an address, and nothing that would tell them of a change crosses a tunnel that answers
 * for others. One that asked a moment too early would ask again in a second; one that spoke to whoever had the address
 * before would go on doing so for the better part of a minute. So this host's containers are told: by the frame that
 * the owner itself would send, if it could reach them. Who did not ask takes no notice of it.
 */

/** Who has which addresses of a network now. */
export interface Announcement {
  readonly network: Network;
  readonly endpoints: Endpoint[];
}

/** Each frame goes to every port. Beyond that who asked asks again. */
const MOST_FRAMES = 4_000;
/** Both families and the link-local address. */
const FRAMES_EACH = 3;

/** What a delta, which is in the view, says of remote endpoints that containers here may be wrong about. */
export function newcomers(
  state: AgentState,
  changes: readonly Change[],
  before: readonly (Endpoint | undefined)[],
): Announcement[] {
  const { view, host } = state;
  const byNetwork = new Map<Id, Endpoint[]>();
  for (const [index, change] of changes.entries()) {
    const is = change.verb === 'put' && change.record.kind === 'endpoint' ? change.record : undefined;
    const was = before[index];
    if (!is || is.host === host || (was?.mac === is.mac && was.addresses.join() === is.addresses.join()))
      continue;
    // A host's first endpoint in a network is told of before it can be reached: what waits for it is better kept waiting.
    const canBeReached = (view.inNetwork(is.network).endpointCount.get(is.host) ?? 0) > 1;
    if (!was && !canBeReached && formerlyAnothers(state, is).length === 0) continue;
    const endpoints = byNetwork.get(is.network);
    if (endpoints) endpoints.push(is);
    else byNetwork.set(is.network, [is]);
  }
  return [...byNetwork].flatMap(([id, endpoints]) => {
    const network = view.networks.get(id);
    return network ? [{ network, endpoints }] : [];
  });
}

/** Remote endpoints whose rows are written by now. */
export const announceAll = (state: AgentState, announcements: readonly Announcement[]): AgentEffect[] =>
  announcements.flatMap(({ network, endpoints }) => tell(state, network, endpoints, allOf));

/**
 * An endpoint of this host is about to have its port, and is heard by itself; but some of its addresses others may
 * know as another's. They are told while the kernel makes the port. A link-local address is of one MAC alone.
 */
export function announceOwn(state: AgentState, endpoint: Endpoint): AgentEffect[] {
  const network = state.view.networks.get(endpoint.network);
  const formerly = formerlyAnothers(state, endpoint);
  return network && formerly.length > 0 ? tell(state, network, [endpoint], () => formerly) : [];
}

function tell(
  state: AgentState,
  network: Network,
  endpoints: readonly Endpoint[],
  addressesOf: (endpoint: Endpoint) => readonly Ip[],
): AgentEffect[] {
  const here = thisHost(state);
  if (!here) return [];
  const own = new Set(endpoints.map(({ id }) => id));
  const others = [...state.view.inNetwork(network.id).endpoints.on(state.host)].filter(
    ({ id }) => !own.has(id),
  );
  // A network that is new here comes with all of its endpoints: too many to make frames of.
  if (others.length === 0 || others.length * endpoints.length * FRAMES_EACH > MOST_FRAMES) return [];
  const frames = endpoints.flatMap((endpoint) =>
    addressesOf(endpoint).map((ip) => frameOf(endpoint.mac, ip)),
  );
  // A tunnel that learns would, of a frame that slipped into it while rules are flushed, that the endpoint is here.
  const isLearned = network.change || learns(network, tunnelName(network.device));
  const ports = isLearned ? others.map(({ id }) => portName(id)) : 'all';
  return [{ effect: 'announce', frames: { ns: overlayNamespace(here.hostTag, network.vni), ports, frames } }];
}

const allOf = ({ mac, addresses }: Endpoint): Ip[] => [...addresses, linkLocalOf(mac)];

const frameOf = (mac: Mac, ip: Ip): Uint8Array =>
  ip.includes(':') ? encodeNeighbourAdvertisement({ mac, ip }) : encodeGratuitousArp({ mac, ip });
