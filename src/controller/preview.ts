import type { Id } from '#model/id.ts';
import { HOST_NAMESPACE, type KernelState, kernelObjects, kernelStateOf } from '#model/kernel-state.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { hostTag } from '#model/own.ts';
import type { Change } from '#model/records.ts';
import { renderOp } from '#model/render-kernel.ts';
import { Snapshot, type SnapshotView } from '#model/snapshot.ts';
import { desired } from '#plan/desired.ts';
import { diff } from '#plan/diff.ts';
import { type HostView, hostView } from '#plan/host-view.ts';
import { order } from '#plan/order.ts';

/** What one host's kernel would be told, as a person would type it. */
export interface HostPlan {
  readonly host: string;
  readonly steps: readonly { readonly commands: readonly string[]; readonly reason: string }[];
}

/** What changes would do on every host that they concern; hosts with nothing to do are left out. */
export function previewChanges(snapshot: SnapshotView, changes: readonly Change[]): HostPlan[] {
  const after = new Snapshot(snapshot.records(), snapshot.revision);
  after.apply(changes, snapshot.revision + 1);
  return [...snapshot.hosts.values()]
    .map((host) => ({ host: host.name, steps: previewHost(host.id, snapshot, after) }))
    .filter((plan) => plan.steps.length > 0);
}

function previewHost(host: Id, before: SnapshotView, after: SnapshotView): HostPlan['steps'] {
  const context = { hostTag: hostTag(host) };
  const kernel = (snapshot: SnapshotView) => {
    const view = hostView(snapshot, host)!;
    return desired(view, { ...context, containers: containersOf(view) });
  };
  if (!after.hosts.has(host)) return [];
  const [wished, there] = [kernel(after), kernel(before)];
  return order(diff(wished, withContainers(there, wished), context)).map(({ op, reason }) => ({
    commands: renderOp(op),
    reason,
  }));
}

/** The containers are there already, as namespaces with nothing but a loopback that is up. */
const withContainers = (there: KernelState, wished: KernelState): KernelState =>
  kernelStateOf([
    ...[...wished.link.values()].filter(({ detail }) => detail.type === 'loopback'),
    ...kernelObjects(there),
  ]);

/** The controller does not know where a container's namespace is: its id stands for it. */
function containersOf(view: HostView): ReadonlyMap<Id, { namespace: NamespaceRef }> {
  const local = view.networks.flatMap((network) => network.local);
  return new Map(
    local.map(({ id, containerId }) => [
      id,
      { namespace: { path: `/run/netns/${containerId}`, dev: 0, inode: 0, cookie: HOST_NAMESPACE } },
    ]),
  );
}
