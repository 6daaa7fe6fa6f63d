import type { ContainerScope, Scope } from '#kernel/kernel.ts';
import type { Id } from '#model/id.ts';
import { HOST_NAMESPACE, type KernelState, kernelKey } from '#model/kernel-state.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { hostTag } from '#model/own.ts';
import type { Adoption, Endpoint } from '#model/records.ts';
import type { HostRuntimeFacts } from '#plan/desired.ts';
import type { Attachment } from './attachment.ts';
import { type Concern, isAbout } from './concern.ts';
import { type AgentState, liveAttachments } from './state.ts';

/** Paths are used again: only path and cookie together say which namespace. */
export const namespaceKey = ({ path, cookie }: NamespaceRef): string => `${path} ${cookie}`;

/**
 * What to look at: overlay namespaces of this host, and its containers' interfaces, of all networks or of some; at each
 * path one container.
 */
export function scopeOf(state: AgentState, concern: Concern = 'all'): Scope {
  const attachments = settledAttachments(state).filter(({ endpoint }) =>
    isAbout(state, concern, endpoint.network),
  );
  const byPath = new Map<string, { namespace: NamespaceRef; interfaces: string[] }>();
  for (const { namespace } of attachments) {
    const there = byPath.get(namespace.path)?.namespace;
    // The later one, unless that is known to be gone.
    if (!there || !state.turn.dead.has(namespaceKey(namespace)))
      byPath.set(namespace.path, { namespace, interfaces: [] });
  }
  for (const { namespace, endpoint } of attachments) {
    const container = byPath.get(namespace.path)!;
    if (container.namespace.cookie === namespace.cookie) container.interfaces.push(endpoint.interface);
  }
  const containers: ContainerScope[] = [...byPath.values()];
  return {
    hostTag: hostTag(state.host),
    ...(concern !== 'all' && { overlays: [...concern] }),
    containers,
    bridges: ownAdoptions(state).map(({ bridge }) => bridge),
  };
}

type Settled = Attachment & { readonly namespace: NamespaceRef };

/** Those of which it is known where the interface is. */
const settledAttachments = (state: AgentState): Settled[] =>
  liveAttachments(state).filter((attachment): attachment is Settled => attachment.namespace !== undefined);

/** Bridges of this host that are adopted, as far as anything is wished. */
export const ownAdoptions = ({ view, host, wishesNothing }: AgentState): Adoption[] =>
  wishesNothing ? [] : [...view.adoptions.values()].filter((adoption) => adoption.host === host);

/** Every network namespace has a loopback: where none was seen, the container is gone or is another by now. */
export function noteLive(state: AgentState, observed: KernelState): void {
  const { turn } = state;
  const live = new Set<string>();
  for (const { namespace } of turn.scope!.containers) {
    const key = namespaceKey(namespace);
    if (namespace.path === HOST_NAMESPACE || observed.link.has(loopbackOf(namespace.path))) live.add(key);
    else turn.dead.add(key);
  }
  // Where a later one is, an earlier one is no longer: nobody looked for that.
  const taken = new Set<string>();
  const settled = settledAttachments(state);
  for (const { namespace } of settled.toReversed()) {
    const key = namespaceKey(namespace);
    if (live.has(key)) taken.add(namespace.path);
    else if (taken.has(namespace.path)) turn.dead.add(key);
  }
  for (const key of live) turn.dead.delete(key);
  turn.live = live;
  const known = new Set(settled.map(({ namespace }) => namespaceKey(namespace)));
  for (const key of turn.dead) if (!known.has(key)) turn.dead.delete(key);
}

const loopbackOf = (ns: string): string =>
  kernelKey({ kind: 'link', ns, name: 'lo', up: false, detail: { type: 'loopback' } });

/** Whether there should be a port, as far as can be told without looking at the others. */
export function isPlugged({ attachments, bootId, turn }: AgentState, id: Id): boolean {
  const attachment = attachments.get(id);
  if (attachment?.state !== 'attached' || attachment.bootId !== bootId) return false;
  return !attachment.namespace || !turn.dead.has(namespaceKey(attachment.namespace));
}

/**
 * What planning must know that only this host does. What was not looked for yet is taken to be there. An interface that
 * its runtime has taken out of the container again, before it says so, is in its hands once more.
 */
export function runtimeFacts(
  state: AgentState,
  isGivenBack: (endpoint: Endpoint) => boolean = () => false,
): HostRuntimeFacts {
  const keysOf = (scope?: Scope) =>
    new Set(scope?.containers.map(({ namespace }) => namespaceKey(namespace)));
  const [looked, present] = [keysOf(state.turn.scope), keysOf(scopeOf(state))];
  const isThere = (namespace: NamespaceRef): boolean => {
    const key = namespaceKey(namespace);
    return present.has(key) && (looked.has(key) ? state.turn.live.has(key) : !state.turn.dead.has(key));
  };
  const containers = new Map<Id, { namespace?: NamespaceRef }>();
  for (const { endpoint, namespace } of liveAttachments(state)) {
    const known = state.view.endpoints.get(endpoint.id);
    const current = known?.host === state.host && known?.generation === endpoint.generation;
    if (!current) continue;
    if (!namespace || isGivenBack(endpoint)) containers.set(endpoint.id, {});
    else if (isThere(namespace)) containers.set(endpoint.id, { namespace });
  }
  const { canFilter, hasIpv6 } = state;
  return { hostTag: hostTag(state.host), containers, canFilter, hasIpv6 };
}
