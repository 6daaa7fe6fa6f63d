import { type Element, isFilter } from '#model/filter.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { KernelOp, OpResult } from '#model/kernel-op.ts';
import { type Fdb, type KernelObject, kernelKey, type Neighbour } from '#model/kernel-state.ts';
import { hostTag } from '#model/own.ts';
import type { Change, Endpoint } from '#model/records.ts';
import { localObjects, rowsTowards } from '#plan/endpoint-objects.ts';
import { vtepOf } from '#plan/host-view.ts';
import { rulesOf } from '#plan/kinds.ts';
import { wishFor } from '#plan/mend-row.ts';
import { order } from '#plan/order.ts';
import { vtepElements } from '#plan/vtep-filter.ts';
import { announceAll, announceOwn, newcomers } from './announce.ts';
import { answerAttach, isPromised } from './answer.ts';
import type { Attachment } from './attachment.ts';
import { aboutNetworks, type Concern } from './concern.ts';
import type { AgentEffect, ShortcutPurpose } from './event.ts';
import { takesPart, thisHost } from './place-of.ts';
import { noteStanding } from './standing-rows.ts';
import type { AgentState } from './state.ts';
import { markApplied, markDirty, markStirred, markUrgent } from './turn.ts';
import { isNameLeaving } from './unplug.ts';

/*
 * A turn looks at everything, which is slow where there is much. What one endpoint's coming or going means for the
 * kernel needs no look: it is written at once, and the kernel says whether it took it. Only in networks that the last
 * turn found complete, and only what the kernel takes in any order.
 */

/** An endpoint of this host is promised: its port and interface are written at once. Empty when a turn must do it. */
export function plug(state: AgentState, request: number): AgentEffect[] {
  const attaching = state.attaching.get(request);
  const { attachment, stood } = attaching ?? {};
  if (!attaching || !attachment || isNameLeaving(state, attachment)) return [];
  const { endpoint, namespace, handle } = attachment;
  // What a runtime is to move is made again if it was lost, unless it is where it belongs.
  if (stood && (!handle || namespace)) return [];
  const network = state.view.networks.get(endpoint.network);
  const host = thisHost(state);
  if (!network || !host || !state.turn.complete.has(network.id)) return [];
  state.attaching.set(request, { ...attaching, pluggedAfterMs: state.turn.lastLookMs });
  const objects = localObjects(host, network, endpoint, namespace?.path);
  const ops = addAll(state.canFilter ? objects : objects.filter((object) => !isFilter(object)));
  const containers = namespace ? [{ namespace, interfaces: [endpoint.interface] }] : [];
  const scope = { hostTag: host.hostTag, containers };
  return [{ effect: 'shortcut', ops, scope, purpose: { request } }, ...announceOwn(state, endpoint)];
}

/** What is known of remote endpoints before a delta is taken into the view, to tell what it changes. */
export const endpointsBefore = ({ view }: AgentState, changes: readonly Change[]): (Endpoint | undefined)[] =>
  changes.map((change) => view.endpoints.get(change.verb === 'put' ? change.record.id : change.ref.id));

/** A delta is in the view: writes what it says of remote endpoints; what it says beyond that makes a turn urgent. */
export function followDelta(
  state: AgentState,
  changes: readonly Change[],
  before: readonly (Endpoint | undefined)[],
): AgentEffect[] {
  const ops: KernelOp[] = [];
  let covered = true;
  for (const [index, change] of changes.entries()) {
    const written = opsFor(state, change, before[index]);
    if (written) ops.push(...written);
    else {
      markUrgent(state, aboutRecord(state, change, before[index]));
      covered = false;
    }
  }
  const revision = covered ? state.view.revision : undefined;
  const purpose = { revision, announcements: newcomers(state, changes, before) };
  if (ops.length === 0) return endShortcut(state, purpose, []);
  const scope = { hostTag: hostTag(state.host), containers: [] };
  return [{ effect: 'shortcut', ops, scope, purpose }];
}

/** A network that was not here is told of with its first endpoint. */
function aboutRecord(state: AgentState, change: Change, before: Endpoint | undefined): Concern {
  const after = change.verb === 'put' ? change.record : undefined;
  if (after?.kind === 'network' && !state.turn.complete.has(after.id))
    return aboutNetworks(state, [after.id]);
  const endpoints = [...(before ? [before] : []), ...(after?.kind === 'endpoint' ? [after] : [])];
  return aboutNetworks(
    state,
    endpoints.map(({ network }) => network),
  );
}

/** The writes that one change asks for; undefined when only a turn can tell. */
function opsFor(state: AgentState, change: Change, before: Endpoint | undefined): KernelOp[] | undefined {
  const kind = change.verb === 'put' ? change.record.kind : change.ref.kind;
  if (kind === 'block') return [];
  if (kind === 'network' && !takesPart(state, change.verb === 'put' ? change.record.id : change.ref.id))
    return [];
  if (kind !== 'endpoint') return undefined;
  const after = change.verb === 'put' ? (change.record as Endpoint) : undefined;
  if ((after ?? before)?.host === state.host) return isAtRest(state, after) ? [] : undefined;
  const gone = before ? rowsOf(state, before) : [];
  const come = after ? rowsOf(state, after) : [];
  if (!gone || !come) return undefined;
  const kept = new Set(come.map(kernelKey));
  const surplus = gone.filter(
    (row) => !kept.has(kernelKey(row)) && !isStillWanted(state, before!.network, row),
  );
  // Of an endpoint that only has other names by now nothing is written.
  const there = new Map(gone.map((row) => [keyOf(row), row]));
  const news = come.filter((row) => {
    const was = there.get(keyOf(row));
    return !was || !rulesOf(row.kind).equal(row, was);
  });
  return [
    ...addAll(after ? newMember(state, before, after) : []),
    ...deleteAll(surplus),
    ...addAll(news),
    ...opsForAsked(state, before, after),
    ...deleteAll(before ? lastMember(state, before) : []),
  ];
}

/** What lets a host's frames in, once it has its first endpoint in a network. */
function newMember(state: AgentState, before: Endpoint | undefined, { host, network }: Endpoint): Element[] {
  const isFirst = state.view.inNetwork(network).endpointCount.get(host) === 1;
  return isFirst && before?.host !== host ? elementsFor(state, network, host) : [];
}

function lastMember(state: AgentState, { host, network }: Endpoint): Element[] {
  const { endpointCount, peers } = state.view.inNetwork(network);
  if (endpointCount.has(host)) return [];
  const elements = elementsFor(state, network, host);
  const isPeers = (ip: Ip) => [...peers.values()].some(({ vtep }) => vtep === ip);
  return elements.filter(({ key }) => !isPeers(key.at(-1) as Ip));
}

function elementsFor(state: AgentState, id: Id, host: Id): Element[] {
  const [network, peer] = [state.view.networks.get(id), state.view.hosts.get(host)];
  const vtep = state.canFilter && network && peer && vtepOf(peer, network.underlay);
  return vtep ? vtepElements(network, vtep) : [];
}

/**
 * Rows that somebody may have asked for. They go with the endpoint, and lead where it has moved to: whether they were
 * there is not known without a look, and one too many goes when nobody uses it.
 */
function opsForAsked(state: AgentState, before?: Endpoint, after?: Endpoint): KernelOp[] {
  const was = before ? (rowsOf(state, before, 'asked') ?? []) : [];
  const is = new Map((after ? (rowsOf(state, after, 'asked') ?? []) : []).map((row) => [keyOf(row), row]));
  const moved = was.flatMap((row) => {
    const now = is.get(keyOf(row));
    return now && !rulesOf(row.kind).equal(now, row) ? now : [];
  });
  const gone = deleteAll(was.filter((row) => !is.has(keyOf(row))));
  noteStanding(state, gone);
  return [...gone, ...addAll(moved)];
}

/** The controller's echo of what this host has done itself, or is about to do. */
const isAtRest = ({ attachments, attaching }: AgentState, after: Endpoint | undefined): boolean => {
  const isIt = (attachment: Attachment | undefined) =>
    attachment?.state === 'attached' &&
    attachment.endpoint.id === after?.id &&
    attachment.endpoint.generation >= after.generation;
  return (
    isIt(after && attachments.get(after.id)) || [...attaching.values()].some((each) => isIt(each.attachment))
  );
};

function rowsOf(state: AgentState, endpoint: Endpoint, when?: 'asked'): (Fdb | Neighbour)[] | undefined {
  const network = state.view.networks.get(endpoint.network);
  const peer = state.view.hosts.get(endpoint.host);
  const host = thisHost(state);
  if (!network || !peer || !host || !state.turn.complete.has(network.id)) return undefined;
  // Out of it by now: the next turn takes the whole network away.
  if (!takesPart(state, network.id)) return undefined;
  return rowsTowards(host, network, peer, [endpoint], when);
}

/** A VTEP has other endpoints; a MAC or IP may be another's by now. */
function isStillWanted(state: AgentState, id: Id, row: Fdb | Neighbour): boolean {
  const [here, network] = [thisHost(state), state.view.networks.get(id)];
  const ground = here && network && { here, snapshot: state.view, network, isPlugged: () => false };
  return Boolean(ground && wishFor(ground, row));
}

const keyOf = (row: Fdb | Neighbour): string => `${row.kind} ${kernelKey(row)}`;

export const deleteAll = (objects: readonly KernelObject[]): KernelOp[] =>
  order(objects.map((object) => ({ verb: 'delete', object }))).map(({ op }) => op);

export const addAll = (objects: readonly KernelObject[]): KernelOp[] =>
  order(objects.map((object) => ({ verb: 'add', object }))).map(({ op }) => op);

/** Written, or not: then a turn finds out what is wrong. */
export function endShortcut(
  state: AgentState,
  { request, revision, mended, announcements = [] }: ShortcutPurpose,
  results: readonly OpResult[],
): AgentEffect[] {
  const attaching = request === undefined ? undefined : state.attaching.get(request);
  const refused = results.filter(({ ok }) => !ok);
  if (refused.length > 0) markUrgent(state);
  // What its runtime is to move was there already, made for the same endpoint before the agent was killed.
  const isThere = attaching?.ask.door && refused.some(isNameTaken);
  if (refused.length > 0 && !isThere) return [];
  const told = announceAll(state, announcements);
  if (revision !== undefined) return [...told, ...markApplied(state, revision)];
  // Of a delta that is not all written an urgent look tells already.
  if (request === undefined) return [...told, ...(mended ? markDirty(state, mended) : [])];
  if (attaching?.phase !== 'settling' || !attaching.endpoint) return [...told, ...markDirty(state)];
  if (!attaching.isFlushing) return answerPlugged(state, request);
  state.attaching.set(request, { ...attaching, isPlugged: true });
  return [];
}

/** The kernel took it, and the disk has it. */
export function answerPlugged(state: AgentState, request: number): AgentEffect[] {
  const { endpoint, notices } = state.attaching.get(request)!;
  const network = state.view.networks.get(endpoint!.network);
  if (!endpoint || !network || !isPromised(state, endpoint)) return markUrgent(state);
  return [
    ...answerAttach(state, request, { answer: 'attached', endpoint, network, notices }),
    ...markStirred(state, aboutNetworks(state, [network.id])),
  ];
}

const isNameTaken = (result: OpResult): boolean =>
  !result.ok && result.error.errno === 'EEXIST' && result.op.object.kind === 'link';
