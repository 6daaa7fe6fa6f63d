import type { KernelEvent } from '#kernel/kernel.ts';
import type { Id } from '#model/id.ts';
import { HOST_NAMESPACE, type NamespaceName } from '#model/kernel-state.ts';
import { exposedName, gatewayName, hostEndName, hostTag, isOverlayNamespaceOf } from '#model/own.ts';
import type { Attachment } from './attachment.ts';
import { overlayOf, takesPart } from './place-of.ts';
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

export function isAbout(state: AgentState, concern: Concern, id: Id): boolean {
  if (concern === 'all') return true;
  const overlay = overlayOf(state, id);
  return overlay !== undefined && concern.has(overlay);
}

/** `all` where one of them is not in the view, or none is known. */
export function aboutNetworks(state: AgentState, ids: readonly Id[]): Concern {
  const overlays = ids.map((id) => overlayOf(state, id)).filter((overlay) => overlay !== undefined);
  return ids.length > 0 && overlays.length === ids.length ? new Set(overlays) : 'all';
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
  const networks = [...state.view.networks.values()].filter(
    ({ vni }) => gatewayName(vni) === device || exposedName(vni) === device,
  );
  if (networks.length === 0)
    return aboutAttachments(state, ({ endpoint }) => hostEndName(endpoint.id) === device);
  return aboutNetworks(
    state,
    networks.map(({ id }) => id),
  );
}

function aboutAttachments(state: AgentState, isMeant: (attachment: Attachment) => boolean): Concern {
  const meant = [...state.attachments.values()].filter(isMeant);
  return aboutNetworks(
    state,
    meant.map(({ endpoint }) => endpoint.network),
  );
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
  const seen = networks.filter(({ id }) => isAbout(state, overlays, id));
  const isMore = seen.some(({ adopts, change }) => adopts || change);
  return isMore || seen.length === networks.length ? 'all' : overlays;
}

function withTogether(state: AgentState, concern: ReadonlySet<NamespaceName>): ReadonlySet<NamespaceName> {
  const byContainer = new Map<string, Set<NamespaceName>>();
  for (const { namespace, endpoint } of liveAttachments(state)) {
    const overlay = overlayOf(state, endpoint.network);
    if (!namespace || !overlay) continue;
    const there = byContainer.get(namespace.path) ?? new Set();
    byContainer.set(namespace.path, there.add(overlay));
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
