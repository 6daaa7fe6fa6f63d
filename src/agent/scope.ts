import type { ContainerScope, Scope } from '#kernel/kernel.ts';
import type { Id } from '#model/id.ts';
import { type KernelState, kernelKey } from '#model/kernel-state.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { hostTag } from '#model/own.ts';
import type { HostRuntimeFacts } from '#plan/desired.ts';
import { type AgentState, liveAttachments } from './state.ts';

/** What to look at: all overlay namespaces of this host, and its containers' interfaces. */
export function scopeOf(state: AgentState): Scope {
  const byPath = new Map<string, { namespace: NamespaceRef; interfaces: string[] }>();
  for (const { namespace, endpoint } of liveAttachments(state)) {
    const container = byPath.get(namespace.path) ?? { namespace, interfaces: [] };
    container.interfaces.push(endpoint.interface);
    byPath.set(namespace.path, container);
  }
  const containers: ContainerScope[] = [...byPath.values()];
  return { hostTag: hostTag(state.host), containers };
}

/** Every network namespace has a loopback: where none was seen, the container is gone or is another by now. */
export function livePaths({ containers }: Scope, observed: KernelState): Set<string> {
  const hasLoopback = (ns: string) =>
    observed.link.has(kernelKey({ kind: 'link', ns, name: 'lo', up: false, detail: { type: 'loopback' } }));
  return new Set(containers.map(({ namespace }) => namespace.path).filter(hasLoopback));
}

/** What planning must know that only this host does. */
export function runtimeFacts(state: AgentState): HostRuntimeFacts {
  const containers = new Map<Id, { namespace: NamespaceRef }>();
  for (const { endpoint, namespace } of liveAttachments(state)) {
    const known = state.view.endpoints.get(endpoint.id);
    const current = known?.host === state.host && known?.generation === endpoint.generation;
    if (current && state.turn.live.has(namespace.path)) containers.set(endpoint.id, { namespace });
  }
  return { hostTag: hostTag(state.host), containers };
}
