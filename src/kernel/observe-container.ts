import {
  addKernelObject,
  HOST_NAMESPACE,
  type KernelObject,
  type LinkDetail,
  type MutableKernelTables,
  type NamespaceName,
} from '#model/kernel-state.ts';
import { decodeLink, encodeDumpLinks, type Link as NetlinkLink } from '#netlink/route/link.ts';
import type { ContainerMemory, SeenContainer } from './container-memory.ts';
import type { ContainerScope } from './kernel.ts';
import { linkFrom, rowsByIndex } from './link.ts';
import { findLink } from './observe-host.ts';
import { readLayer3 } from './read-layer3.ts';
import type { Port, Ports } from './veth-pair.ts';
import type { Visit, Visits } from './visit.ts';

/** Reads a container's interfaces, or recalls them; false when nobody had to be asked. Throws when it is not there. */
export function observeContainer(
  state: MutableKernelTables,
  visits: Visits,
  scope: ContainerScope,
  ports: Ports,
  { memory, isTrusted }: { readonly memory: ContainerMemory; readonly isTrusted: boolean },
): boolean {
  const { path } = scope.namespace;
  const recalled = isTrusted ? memory.recall(scope, ports) : undefined;
  const seen = recalled ?? read(visits.to(path), scope.interfaces, ports);
  if (!recalled) memory.keep(scope, seen);
  tell(state, path, seen);
  return !recalled;
}

const read = (visit: Visit, interfaces: readonly string[], ports: Ports): SeenContainer =>
  readInterfaces(visit, visit.conversation.dump(encodeDumpLinks(), decodeLink), interfaces, ports);

/** The host's own interfaces in networks: one by one, since all around are others'. */
export function observeExposed(
  state: MutableKernelTables,
  host: Visit,
  interfaces: readonly string[],
  ports: Ports,
): void {
  const rows = interfaces.flatMap((name) => findLink(host, name) ?? []);
  tell(state, HOST_NAMESPACE, readInterfaces(host, rows, interfaces, ports));
}

function readInterfaces(
  visit: Visit,
  rows: readonly NetlinkLink[],
  interfaces: readonly string[],
  ports: Ports,
): SeenContainer {
  const byIndex = rowsByIndex(rows);
  const looked = new Map<number, string>();
  const ends: SeenContainer['ends'][number][] = [];
  const links: KernelObject[] = [];
  for (const row of rows) {
    const { index, name = '' } = row;
    const port = ports.otherEndOf(visit, row);
    if (port) ends.push({ port, name });
    if (name !== 'lo' && !interfaces.includes(name)) continue;
    const detail: LinkDetail = port
      ? { type: 'veth-peer', port: { ns: port.visit.ns, name: port.row.name ?? '' } }
      : { type: 'other', linkKind: 'veth' };
    links.push(linkFrom(visit.ns, row, byIndex, detail));
    if (name !== 'lo') looked.set(index, name);
  }
  return { objects: [...links, ...readLayer3(visit, looked, byIndex)], ends };
}

function tell(state: MutableKernelTables, ns: NamespaceName, { objects, ends }: SeenContainer): void {
  for (const object of objects) addKernelObject(state, object);
  for (const { port, name } of ends) tellPort(state, port, { ns, name });
}

/** The port was read before its other end was found. */
export function tellPort(
  state: MutableKernelTables,
  { visit, row: { name = '' } }: Port,
  peer: { readonly ns: NamespaceName; readonly name: string },
): void {
  // As `kernelKey` has it, for a link of which only the name is at hand.
  const key = `${visit.ns} ${name}`;
  state.link.set(key, { ...state.link.get(key)!, detail: { type: 'veth', peer } });
}
