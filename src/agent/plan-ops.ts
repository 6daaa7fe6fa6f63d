import type { Observed } from '#kernel/kernel.ts';
import type { Id } from '#model/id.ts';
import type { KernelObject, NamespaceName } from '#model/kernel-state.ts';
import { emptyKernelState, kernelKey } from '#model/kernel-state.ts';
import { hostEndName, hostTag, portName } from '#model/own.ts';
import type { Endpoint } from '#model/records.ts';
import { allowedFor, type RowPlace } from '#plan/asked-rows.ts';
import { isDressedByRuntime } from '#plan/container.ts';
import { desired } from '#plan/desired.ts';
import { diff } from '#plan/diff.ts';
import { hostView } from '#plan/host-view.ts';
import type { PlanContext } from '#plan/kind.ts';
import { linkKey } from '#plan/link.ts';
import { order, type RankedOp } from '#plan/order.ts';
import type { Concern } from './concern.ts';
import { isPutOff } from './pace.ts';
import { overlayOf, placeOf } from './place-of.ts';
import { runtimeFacts } from './scope.ts';
import type { AgentState } from './state.ts';

/** From what is to what should be, in order. Without rows, and networks, where they were not looked at. */
export function planOps(
  state: AgentState,
  observed: Observed,
  {
    nothing = state.wishesNothing,
    rows = true,
    concern = 'all',
  }: { nothing?: boolean; rows?: boolean; concern?: Concern } = {},
): RankedOp[] {
  const context = {
    hostTag: hostTag(state.host),
    allowed: nothing ? undefined : allowedIn(state),
    shared: sharedInterfaces(state),
    rejoinsGroups: state.rejoinsGroups,
  };
  const view = nothing ? undefined : hostView(state.view, state.host);
  const wished = view
    ? desired(
        view,
        {
          ...runtimeFacts(state, (endpoint) => isGivenBack(state, observed, endpoint)),
          bridges: observed.bridges,
          drops: observed.drops,
        },
        { rows, overlays: concern },
      )
    : emptyKernelState();
  const ops = order(diff(wished, observed, context));
  if (nothing) return ops;
  const due = withoutPutOff(state, ops);
  return state.confirmed ? due : withoutDoubtfulDeletes(state, due);
}

/** Ports that go when their runtime is quiet go then (see unplug.ts). */
function withoutPutOff(state: AgentState, ops: RankedOp[]): RankedOp[] {
  const putOff = [...state.unplugging.keys()].filter((id) => isPutOff(state, id));
  if (putOff.length === 0) return ops;
  const concerns = aboutPorts(state, putOff);
  return ops.filter(({ op }) => !concerns(op.object));
}

/** Those that their runtime dresses too. */
const sharedInterfaces = ({ attachments }: AgentState): ReadonlySet<string> =>
  new Set(
    [...attachments.values()].flatMap(({ endpoint, namespace }) =>
      namespace && isDressedByRuntime(endpoint) ? linkKey(namespace.path, endpoint.interface) : [],
    ),
  );

/** Whether the interface has the name again that its runtime got it under: it is about to be taken away. */
function isGivenBack(state: AgentState, { link }: Observed, { id, network }: Endpoint): boolean {
  const port = link.get(linkKey(overlayOf(state, network) ?? '', portName(id)));
  return port?.detail.type === 'veth' && port.detail.peer?.name === hostEndName(id);
}

/** Rows that somebody has asked for may stay. */
function allowedIn(state: AgentState): PlanContext['allowed'] {
  const places = new Map<NamespaceName, RowPlace | undefined>();
  return (row) => {
    if (!places.has(row.ns)) places.set(row.ns, placeOf(state, row.ns));
    const place = places.get(row.ns);
    return place && allowedFor(place, row);
  };
}

/**
 * An old view may lack what was added since: from it alone only what the journal says was detached is deleted, and
 * what is made anew in the same turn.
 */
function withoutDoubtfulDeletes(state: AgentState, ops: readonly RankedOp[]): RankedOp[] {
  if (!ops.some(({ op }) => op.verb === 'delete')) return [...ops];
  const added = new Set(ops.filter(({ op }) => op.verb === 'add').map(({ op }) => keyOf(op.object)));
  const detached = [...state.attachments].filter(([, attachment]) => attachment.state === 'detaching');
  const isDetached = aboutPorts(
    state,
    detached.map(([id]) => id),
  );
  return ops.filter(
    ({ op: { verb, object } }) => verb !== 'delete' || added.has(keyOf(object)) || isDetached(object),
  );
}

/** Whether something is, or belongs to, the port of one of these. */
function aboutPorts(state: AgentState, ids: readonly Id[]): (object: KernelObject) => boolean {
  const ports = new Set(
    ids.map((id) => `${overlayOf(state, state.attachments.get(id)!.endpoint.network)} ${portName(id)}`),
  );
  return (object) => {
    if (object.kind === 'element') return ports.has(`${object.ns} ${object.key[0]}`);
    if (object.kind === 'link') return ports.has(`${object.ns} ${object.name}`);
    return 'dev' in object && ports.has(`${object.ns} ${object.dev}`);
  };
}

const keyOf = (object: RankedOp['op']['object']): string => `${object.kind} ${kernelKey(object)}`;
