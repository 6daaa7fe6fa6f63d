import type { Chance } from '#intent/admitted.ts';
import { advanceChange } from '#intent/advance-change.ts';
import { attachEndpoint } from '#intent/attach-endpoint.ts';
import { ownEndpointOf } from '#intent/expose-network.ts';
import type { BridgeFacts } from '#model/bridge-facts.ts';
import { isRejection } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import {
  HOST_NAMESPACE,
  type KernelState,
  kernelKey,
  kernelObjects,
  kernelStateOf,
  type Link,
} from '#model/kernel-state.ts';
import { ZERO_MAC } from '#model/mac.ts';
import { HOST_NAMESPACE_REF, type NamespaceRef } from '#model/namespace-ref.ts';
import { exposedName, hostTag } from '#model/own.ts';
import { type Change, type Exposure, remove } from '#model/records.ts';
import { renderOp } from '#model/render-kernel.ts';
import { Snapshot, type SnapshotView } from '#model/snapshot.ts';
import { desired } from '#plan/desired.ts';
import { diff } from '#plan/diff.ts';
import { type HostView, hostView } from '#plan/host-view.ts';
import { order, type RankedOp } from '#plan/order.ts';
import { isSendingTunnel } from '#plan/tunnel.ts';

/** What one host's kernel would be told, as a person would type it. */
export interface HostPlan {
  readonly host: string;
  readonly steps: readonly { readonly commands: readonly string[]; readonly reason: string }[];
  /** Which of its frames are lost meanwhile; empty is none. */
  readonly loss: string;
}

/**
 * What changes would do on every host that they concern; hosts with nothing to do are left out. Of a change in phases
 * all of them, one after the other.
 */
export function previewChanges(snapshot: SnapshotView, changes: readonly Change[]): HostPlan[] {
  const stages = stagesOf(snapshot, changes);
  return [...snapshot.hosts.values()]
    .map(({ id, name }) => previewHost(id, name, stages))
    .filter((plan) => plan.steps.length > 0);
}

/** From one snapshot to the next; the title says when. */
interface Stage {
  readonly before: SnapshotView;
  readonly after: SnapshotView;
  readonly title?: string;
}

/** What hosts make of exposures themselves: endpoints of their own. */
export function withOwnEndpoints(
  snapshot: SnapshotView,
  changes: readonly Change[],
  chance: Chance,
): readonly Change[] {
  const own = changes.flatMap((change): readonly Change[] => {
    if (change.verb === 'delete') {
      const exposure = change.ref.kind === 'exposure' && snapshot.exposures.get(change.ref.id);
      const leaving = exposure && ownEndpointOf(snapshot, exposure);
      return leaving ? [remove(leaving)] : [];
    }
    return change.record.kind === 'exposure' ? attachHost(snapshot, change.record, chance) : [];
  });
  return [...changes, ...own];
}

function attachHost(
  snapshot: SnapshotView,
  { network, host, addresses }: Exposure,
  chance: Chance,
): readonly Change[] {
  const wish = {
    ...({ wish: 'attach-endpoint', network, host, runtime: 'host', aliases: [], addresses } as const),
    containerId: snapshot.hosts.get(host)!.name,
    interface: exposedName(snapshot.networks.get(network)!.vni),
  };
  const answer = attachEndpoint(wish, snapshot, chance);
  return isRejection(answer) ? [] : answer.changes;
}

const TITLES = {
  prepare: 'makes ready for both ways',
  switch: 'goes over',
  done: 'removes what is of no use any more',
};

function stagesOf(snapshot: SnapshotView, changes: readonly Change[]): Stage[] {
  const stages: Stage[] = [];
  let before = snapshot;
  let next = changes;
  const id = changingNetwork(changes);
  for (;;) {
    const after = new Snapshot(before.records(), before.revision);
    after.apply(next, before.revision + 1);
    const change = id && after.networks.get(id)?.change;
    const when = stages.length > 0 ? ', when every host has done the above' : '';
    const title = `${stages.length + 1}: ${TITLES[change?.phase ?? 'done']}${when}`;
    stages.push({ before, after, title: id && title });
    if (!change) return stages;
    const advanced = advanceChange(
      { wish: 'advance-change', network: id, since: change.since, undo: false },
      after,
    );
    if (isRejection(advanced)) return stages;
    before = after;
    next = advanced.changes;
  }
}

function changingNetwork(changes: readonly Change[]): Id | undefined {
  for (const change of changes)
    if (change.verb === 'put' && change.record.kind === 'network' && change.record.change)
      return change.record.id;
  return undefined;
}

function previewHost(id: Id, host: string, stages: readonly Stage[]): HostPlan {
  const steps: HostPlan['steps'][number][] = [];
  let loss = '';
  for (const { before, after, title } of stages) {
    const ops = opsBetween(id, before, after);
    if (ops.length > 0 && title) steps.push({ commands: [], reason: title });
    steps.push(...ops.map(({ op, reason }) => ({ commands: renderOp(op), reason })));
    if (isTunnelRebuilt(ops)) loss = REBUILT;
  }
  return { host, steps, loss };
}

const REBUILT = 'up to 100 ms of what goes to and comes from other hosts: the VXLAN device is made anew';

/** Whether the only device that sends goes and comes. */
function isTunnelRebuilt(ops: readonly RankedOp[]): boolean {
  const added = new Set(ops.map(({ op: { verb, object } }) => `${verb} ${object.kind} ${kernelKey(object)}`));
  return ops.some(
    ({ op: { verb, object } }) =>
      verb === 'delete' && isSendingTunnel(object) && added.has(`add link ${kernelKey(object)}`),
  );
}

function opsBetween(host: Id, before: SnapshotView, after: SnapshotView): RankedOp[] {
  const context = { hostTag: hostTag(host) };
  const kernel = (snapshot: SnapshotView) => {
    const view = hostView(snapshot, host)!;
    return desired(view, { ...context, containers: containersOf(view), bridges: bridgesOf(view) });
  };
  if (!after.hosts.has(host)) return [];
  const [wished, there] = [kernel(after), kernel(before)];
  return order(diff(wished, withOthers(there, wished), context));
}

/**
 * What others made is there already: the containers, as namespaces with nothing but a loopback that is up, and adopted
 * bridges.
 */
const withOthers = (there: KernelState, wished: KernelState): KernelState =>
  kernelStateOf([
    ...[...wished.link.values()].filter(({ detail }) => detail.type === 'loopback'),
    ...[...wished.link.values()].flatMap(({ ns, master }) =>
      ns === HOST_NAMESPACE && master ? [strangeBridge(master)] : [],
    ),
    ...kernelObjects(there),
  ]);

const strangeBridge = (name: string): Link => ({
  kind: 'link',
  ns: HOST_NAMESPACE,
  name,
  up: true,
  detail: { type: 'bridge', stp: false, multicastSnooping: true },
});

/** The controller does not know where a container's namespace is: its id stands for it. A host's own is known. */
function containersOf(view: HostView): ReadonlyMap<Id, { namespace: NamespaceRef }> {
  const local = view.networks.flatMap((network) => network.local);
  return new Map(
    local.map(({ id, runtime, containerId }) => [
      id,
      {
        namespace:
          runtime === 'host'
            ? HOST_NAMESPACE_REF
            : { path: `/run/netns/${containerId}`, dev: 0, inode: 0, cookie: '' },
      },
    ]),
  );
}

/** Nor what its host's bridges are; they are the same before and after. */
const bridgesOf = (view: HostView): ReadonlyMap<string, BridgeFacts> =>
  new Map(view.networks.flatMap(({ adopted }) => (adopted ? [[adopted.bridge, SOME_BRIDGE] as const] : [])));

const SOME_BRIDGE: BridgeFacts = { mac: ZERO_MAC, mtu: 1500, portMtu: 1500, addresses: [], stations: [] };
