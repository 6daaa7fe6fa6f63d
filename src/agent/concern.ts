import type { KernelEvent } from '#kernel/kernel.ts';
import type { Id } from '#model/id.ts';
import { HOST_NAMESPACE, type NamespaceName } from '#model/kernel-state.ts';
import {
  exposedName,
  gatewayNameOf,
  hostEndName,
  hostTag,
  isOverlayNamespaceOf,
  overlayNamespace,
} from '#model/own.ts';
import type { Network } from '#model/records.ts';
import type { Attachment } from './attachment.ts';
import { takesPart } from './place-of.ts';
import { type AgentState, liveAttachments } from './state.ts';

/** The overlays that something is about, with their containers; `all` where that cannot be told. */
export type Concern = ReadonlySet<NamespaceName> | 'all';

export function join(a: Concern | undefined, b: Concern): Concern {
  if (a === undefined || a === b) return b;
  return a === 'all' || b === 'all' ? 'all' : new Set([...a, ...b]);
}

/** What is left to look at, after a look at `seen`. */
export function without(concern: Concern | undefined, seen: Concern): Concern | undefined {
  if (concern === undefined || seen === 'all') return undefined;
  if (concern === 'all') return 'all';
  const left = new Set([...concern].filter((overlay) => !seen.has(overlay)));
  return left.size > 0 ? left : undefined;
}

export const includes = (whole: Concern, part: Concern): boolean =>
  whole === 'all' || (part !== 'all' && [...part].every((overlay) => whole.has(overlay)));

/** Of networks in the view. */
export function aboutNetworks({ view, host }: AgentState, ids: Iterable<Id>): Concern {
  const overlays = new Set<NamespaceName>();
  for (const id of ids) {
    const network = view.networks.get(id);
    if (!network) return 'all';
    overlays.add(overlayNamespace(hostTag(host), network.vni));
  }
  return overlays;
}

/** Of a change in a namespace: an overlay, or those of a container. Each turn takes in the host's own rules. */
export function aboutChange(state: AgentState, { ns, about }: Change): Concern {
  if (about === 'rules') return new Set();
  if (about) return aboutDevice(state, about.device);
  if (isOverlayNamespaceOf(hostTag(state.host), ns)) return new Set([ns]);
  return aboutAttachments(state, ({ namespace }) => ns !== HOST_NAMESPACE && namespace?.path === ns);
}

type Change = Extract<KernelEvent, { dirty: 'namespace' }>;

/** Of a network's way out, of the host's own interface in one, or of what a runtime is to move into its container. */
function aboutDevice(state: AgentState, device: string): Concern {
  const isOf = (network: Network) =>
    gatewayNameOf(overlayOf(state, network)) === device || exposedName(network.vni) === device;
  const networks = [...state.view.networks.values()].filter(isOf);
  if (networks.length > 0) return new Set(networks.map((network) => overlayOf(state, network)));
  return aboutAttachments(state, ({ endpoint }) => hostEndName(endpoint.id) === device);
}

/** `all` where there is none. */
function aboutAttachments(state: AgentState, isMeant: (attachment: Attachment) => boolean): Concern {
  const meant = [...state.attachments.values()].filter(isMeant);
  return meant.length > 0
    ? aboutNetworks(
        state,
        meant.map(({ endpoint }) => endpoint.network),
      )
    : 'all';
}

/**
 * What a turn about this must take in: with one of a container's networks the others too, whose interfaces are in each
 * other's way. All, where something failed before, where a network is more than its overlay, and where there is no other.
 */
export function widen(state: AgentState, concern: Concern): Concern {
  const { turn, view, wishesNothing, confirmed } = state;
  if (concern === 'all' || wishesNothing || !confirmed || turn.owesLook || turn.failures > 0) return 'all';
  const overlays = withTogether(state, concern);
  const networks = [...view.networks.values()].filter(({ id }) => takesPart(state, id));
  const isSeen = (network: Network) => overlays.has(overlayOf(state, network));
  if (networks.every(isSeen)) return 'all';
  return networks.some((network) => (network.adopts || network.change) && isSeen(network)) ? 'all' : overlays;
}

function withTogether(state: AgentState, concern: ReadonlySet<NamespaceName>): ReadonlySet<NamespaceName> {
  const byContainer = new Map<string, Set<NamespaceName>>();
  for (const { namespace, endpoint } of liveAttachments(state)) {
    const network = state.view.networks.get(endpoint.network);
    if (!namespace || !network) continue;
    const there = byContainer.get(namespace.path) ?? new Set();
    byContainer.set(namespace.path, there.add(overlayOf(state, network)));
  }
  const overlays = new Set(concern);
  const several = [...byContainer.values()].filter(({ size }) => size > 1);
  for (let before = -1; before !== overlays.size; ) {
    before = overlays.size;
    for (const together of several)
      if ([...together].some((ns) => overlays.has(ns))) for (const ns of together) overlays.add(ns);
  }
  return overlays;
}

const overlayOf = ({ host }: AgentState, { vni }: Network): NamespaceName =>
  overlayNamespace(hostTag(host), vni);
