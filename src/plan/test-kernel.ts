import { type FilterObject, isFilter } from '#model/filter.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import {
  addKernelObject,
  HOST_NAMESPACE,
  type KernelObject,
  type KernelState,
  kernelKey,
  kernelObjects,
  kernelStateOf,
  type Link,
  type MutableKernelTables,
  type Namespace,
  type NamespaceName,
  type Setting,
} from '#model/kernel-state.ts';
import type { Permit } from '#model/permit.ts';

/**
 * What a list of ops leaves behind, as maps: only so much of the kernel as shows whether ops come in an order that
 * works. It throws where the kernel would refuse, and takes along what the kernel takes along.
 */
export function applyToModel(state: KernelState, ops: readonly KernelOp[]): KernelState {
  const after = kernelStateOf(kernelObjects(state));
  for (const op of ops) {
    if (op.verb === 'delete') remove(after, op.object);
    else write(after, op.verb, op.object);
  }
  return after;
}

/** Deleting the absent is nothing. */
export function remove(state: MutableKernelTables, object: KernelObject): void {
  const held = state[object.kind] as Map<string, KernelObject>;
  if (!held.delete(kernelKey(object))) return;
  if (object.kind === 'namespace') {
    for (const inside of [...kernelObjects(state)]) if (inside.ns === object.ns) remove(state, inside);
  } else if (object.kind === 'link') removeWithLink(state, object);
}

function removeWithLink(state: MutableKernelTables, { ns, name, detail }: Link): void {
  const other = detail.type === 'veth' ? detail.peer : detail.type === 'veth-peer' ? detail.port : undefined;
  const end = other && state.link.get(`${other.ns} ${other.name}`);
  if (end) remove(state, end);
  for (const object of [...kernelObjects(state)]) {
    if (object.ns !== ns) continue;
    if ('dev' in object && object.dev === name) remove(state, object);
    if (object.kind === 'link' && object.master === name) leaveBridge(state, object);
  }
}

function leaveBridge(state: MutableKernelTables, link: Link): void {
  addKernelObject(state, { ...link, master: '', port: undefined });
  for (const row of [...state.fdb.values()])
    if (row.ns === link.ns && row.dev === link.name && row.table === 'master') remove(state, row);
}

const refuse = (object: KernelObject, why: string): never => {
  throw new Error(`${kernelKey(object)}: ${why}`);
};

function write(state: MutableKernelTables, verb: 'add' | 'change', object: KernelObject): void {
  const present = state[object.kind].has(kernelKey(object));
  if (verb === 'change' && !present) refuse(object, 'to be changed and absent');
  if (object.kind === 'namespace' || object.kind === 'setting' || isFilter(object))
    addKernelObject(state, object);
  else if (object.kind !== 'link') writeRow(state, object);
  else if (verb === 'add') addLink(state, object);
  else changeLink(state, object);
}

function writeRow(
  state: MutableKernelTables,
  row: Exclude<KernelObject, Namespace | Link | FilterObject | Permit | Setting>,
): void {
  const device = state.link.get(`${row.ns} ${row.dev}`) ?? refuse(row, 'no such device');
  if (row.kind === 'fdb' && row.table === 'master') {
    if (!device.master && device.detail.type !== 'bridge') refuse(row, 'not a bridge port');
    // A bridge knows one port for a MAC: a replace moves it.
    for (const other of [...state.fdb.values()])
      if (other.table === 'master' && other.ns === row.ns && other.mac === row.mac) remove(state, other);
  }
  addKernelObject(state, row);
}

function addLink(state: MutableKernelTables, link: Link): void {
  const { ns, detail } = link;
  const born = detail.type === 'veth-peer' || detail.type === 'loopback';
  if (state.link.has(kernelKey(link)) !== born) refuse(link, born ? 'was not born' : 'exists');
  if (!hasNamespace(state, ns)) refuse(link, 'no such namespace');
  if (detail.type === 'vxlan')
    for (const { detail: other } of state.link.values())
      if (other.type === 'vxlan' && other.vni === detail.vni && other.port === detail.port)
        refuse(link, 'VNI and port are taken');
  if (detail.type === 'veth') addPeer(state, link);
  changeLink(state, { mac: undefined, ...link });
}

/** The far end is born in its place: named, down and bare. */
function addPeer(state: MutableKernelTables, { ns, name, detail }: Link): void {
  if (detail.type !== 'veth' || !detail.peer) return;
  const peer: Link = {
    kind: 'link',
    ...detail.peer,
    up: false,
    detail: { type: 'veth-peer', port: { ns, name } },
  };
  if (!hasNamespace(state, peer.ns)) refuse(peer, 'no such namespace');
  if (state.link.has(kernelKey(peer))) refuse(peer, 'exists');
  addKernelObject(state, peer);
}

function changeLink(state: MutableKernelTables, link: Link): void {
  const was = state.link.get(kernelKey(link));
  if (link.master && !state.link.has(`${link.ns} ${link.master}`)) refuse(link, 'no such bridge');
  if (was && link.master !== was.master) leaveBridge(state, was);
  addKernelObject(state, { ...was, ...link });
}

const hasNamespace = (state: KernelState, ns: NamespaceName): boolean =>
  ns === HOST_NAMESPACE || state.namespace.has(ns) || state.link.has(`${ns} lo`);
