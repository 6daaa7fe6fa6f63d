import { readdirSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BridgeFacts } from '#model/bridge-facts.ts';
import type { Cidr } from '#model/cidr.ts';
import {
  addKernelObject,
  emptyKernelState,
  HOST_NAMESPACE,
  type LinkDetail,
  type MutableKernelTables,
  type NamespaceName,
  type VethDetail,
} from '#model/kernel-state.ts';
import { gatewayNameOf, isOverlayNamespaceOf, isOwnHostLink, UPLINK_NAME } from '#model/own.ts';
import type { ForwardDrop } from '#model/permit.ts';
import { FORWARDING, routeLocalnet } from '#model/setting.ts';
import { close } from '#netlink/libc.ts';
import { NAMESPACE_DIRECTORY, namedNamespacePath } from '#netlink/named-namespace.ts';
import { openNamespace } from '#netlink/open-namespace.ts';
import { decodeAddress, encodeDumpAddresses } from '#netlink/route/address.ts';
import { decodeLink, encodeDumpLinks, type Link as NetlinkLink } from '#netlink/route/link.ts';
import { addressFrom } from './address.ts';
import type { FilterMemory } from './filter-read.ts';
import type { Observed, Scope } from './kernel.ts';
import { type LinkNames, type LinkRows, linkFrom, withDevice } from './link.ts';
import { findLink, readHost } from './observe-host.ts';
import { readTables } from './read-tables.ts';
import { destinationOf, dumpMainRoutes, isKernelsRoute, routeFrom } from './route.ts';
import { readOverlaySettings, readSettings } from './setting.ts';
import { type Port, Ports } from './veth-pair.ts';
import { isAbsent, type Visit, type Visits } from './visit.ts';

type MutableObserved = MutableKernelTables & { readonly rowSums: Map<NamespaceName, string> };

/** Reads all objects in scope; see `Kernel.observe`. */
export async function observe(scope: Scope, visits: Visits, filters: FilterMemory): Promise<Observed> {
  const state = {
    ...emptyKernelState(),
    rowSums: new Map<NamespaceName, string>(),
    bridges: new Map<string, BridgeFacts>(),
    drops: [] as ForwardDrop[],
  };
  readHost(state, visits.to(HOST_NAMESPACE), scope, filters);
  const ports = new Ports();
  const host = visits.to(HOST_NAMESPACE);
  for (const ns of overlayNamespaces(scope)) {
    readGatewayEnd(state, host, ns, ports);
    const isThere = lookInto(visits, ns, (visit) =>
      readOverlay(state, visit, ports, filters, scope.rows, host),
    );
    if (!isThere && isHollow(ns)) addKernelObject(state, { kind: 'namespace', ns, hollow: true });
    await nextTurn();
  }
  for (const { namespace, interfaces } of scope.containers) {
    if (namespace.path === HOST_NAMESPACE) readExposed(state, host, interfaces, ports);
    else {
      lookInto(visits, namespace.path, (visit) => readContainer(state, visit, interfaces, ports));
      visits.leave(namespace.path);
    }
    await nextTurn();
  }
  return state;
}

/** False when it is not there. */
function lookInto(visits: Visits, ns: NamespaceName, look: (visit: Visit) => void): boolean {
  try {
    look(visits.to(ns));
    return true;
  } catch (error) {
    if (!isAbsent(error)) throw error;
    return false;
  }
}

function readOverlay(
  state: MutableObserved,
  visit: Visit,
  ports: Ports,
  filters: FilterMemory,
  reach: Scope['rows'],
  host: Visit,
): void {
  const { ns, conversation } = visit;
  const rows = conversation.dump(encodeDumpLinks(), decodeLink);
  const [names, byIndex] = [namesOf(rows), byIndexOf(rows)];
  addKernelObject(state, { kind: 'namespace', ns });
  for (const row of rows) {
    const detail: LinkDetail = { type: 'veth', peer: peerInHost(visit, row, host) };
    addKernelObject(
      state,
      withDevice(linkFrom(ns, row, byIndex, detail), row, (index) => host.nameOf(index)),
    );
    if (row.kind !== 'veth') continue;
    const outer = row.name === UPLINK_NAME ? ports.otherEndOf(visit, row) : undefined;
    if (outer) tellUplink(state, outer, ns, row, byIndex);
    else ports.add({ visit, row });
  }
  const routes = dumpMainRoutes(conversation);
  readAddresses(state, visit, names, routedBy(routes, byIndex));
  for (const row of routes) {
    const dev = names.get(row.oif ?? 0);
    if (dev && !isKernelsRoute(row)) addKernelObject(state, routeFrom(ns, dev, row));
  }
  filters.read(state, visit);
  readOverlaySettings(state, visit);
  if (reach === 'none') return;
  const tunnels = rows.filter(({ vxlan }) => vxlan).map(({ index }) => index);
  const { sum, defaults } = readTables(visit, names, tunnels, reach === 'sums' ? undefined : state);
  state.rowSums.set(ns, sum);
  if (reach === undefined) noteLostDefaults(state, ns, defaults);
}

/** A port's other end that waits in the host's own namespace, or was given back there. */
function peerInHost(visit: Visit, port: NetlinkLink, host: Visit): VethDetail['peer'] {
  if (port.kind !== 'veth' || port.link === undefined || port.linkNetnsId === undefined) return undefined;
  if (port.linkNetnsId !== visit.idOf(host)) return undefined;
  const name = host.nameOf(port.link);
  return name === undefined ? undefined : { ns: HOST_NAMESPACE, name };
}

/** The host's end of a network's way out, if it is there and ours. */
function readGatewayEnd(state: MutableKernelTables, host: Visit, overlay: NamespaceName, ports: Ports): void {
  const row = findLink(host, gatewayNameOf(overlay));
  if (!row || !isOwnHostLink({ name: row.name ?? '', group: row.group })) return;
  const byIndex = byIndexOf([row]);
  addKernelObject(state, linkFrom(HOST_NAMESPACE, row, byIndex, { type: 'veth' }));
  if (row.kind === 'veth') ports.add({ visit: host, row });
  const own = host.conversation.dump(encodeDumpAddresses({ ifindex: row.index }), decodeAddress);
  for (const each of own)
    if (each.ifindex === row.index) addKernelObject(state, addressFrom(HOST_NAMESPACE, row.name ?? '', each));
  readSettings(state, host, [...Object.values(FORWARDING), routeLocalnet(row.name ?? '')]);
}

/** What was taken for a port is the network's end of its way out. */
function tellUplink(
  state: MutableKernelTables,
  outer: Port,
  ns: NamespaceName,
  row: NetlinkLink,
  byIndex: LinkRows,
): void {
  tellPort(state, outer, ns, row);
  const port = { ns: outer.visit.ns, name: outer.row.name ?? '' };
  addKernelObject(state, linkFrom(ns, row, byIndex, { type: 'veth-peer', port }));
}

/** A device whose all-zero row somebody deleted has joined its group, but sends nothing there. */
function noteLostDefaults(
  state: MutableKernelTables,
  ns: NamespaceName,
  defaults: ReadonlySet<string>,
): void {
  for (const [key, link] of state.link) {
    if (link.ns !== ns || link.detail.type !== 'vxlan' || !link.detail.remote || defaults.has(link.name))
      continue;
    state.link.set(key, { ...link, detail: { ...link.detail, remote: '' } });
  }
}

/** Those of the named devices. */
function readAddresses(
  state: MutableKernelTables,
  { ns, conversation }: Visit,
  names: LinkNames,
  isRouted: (index: number, subnet: Cidr) => boolean = () => true,
): void {
  for (const row of conversation.dump(encodeDumpAddresses(), decodeAddress)) {
    const dev = names.get(row.ifindex);
    if (dev === undefined) continue;
    addKernelObject(
      state,
      addressFrom(ns, dev, row, (subnet) => isRouted(row.ifindex, subnet)),
    );
  }
}

function readContainer(
  state: MutableKernelTables,
  visit: Visit,
  interfaces: readonly string[],
  ports: Ports,
): void {
  const rows = visit.conversation.dump(encodeDumpLinks(), decodeLink);
  readInterfaces(state, visit, rows, interfaces, ports);
}

/** The host's own interfaces in networks: one by one, since all around are others'. */
function readExposed(
  state: MutableKernelTables,
  host: Visit,
  interfaces: readonly string[],
  ports: Ports,
): void {
  const rows = interfaces.flatMap((name) => findLink(host, name) ?? []);
  readInterfaces(state, host, rows, interfaces, ports);
  readSettings(state, host, Object.values(FORWARDING));
}

function readInterfaces(
  state: MutableKernelTables,
  visit: Visit,
  rows: readonly NetlinkLink[],
  interfaces: readonly string[],
  ports: Ports,
): void {
  const { ns, conversation } = visit;
  const byIndex = byIndexOf(rows);
  const looked = new Map<number, string>();
  for (const row of rows) {
    const port = ports.otherEndOf(visit, row);
    if (port) tellPort(state, port, ns, row);
    const { index, name = '' } = row;
    if (name !== 'lo' && !interfaces.includes(name)) continue;
    const detail: LinkDetail = port
      ? { type: 'veth-peer', port: { ns: port.visit.ns, name: port.row.name ?? '' } }
      : { type: 'other', linkKind: 'veth' };
    addKernelObject(state, linkFrom(ns, row, byIndex, detail));
    if (name !== 'lo') looked.set(index, name);
  }
  const routes = dumpMainRoutes(conversation);
  readAddresses(state, visit, looked, routedBy(routes, byIndex));
  for (const row of routes) {
    const dev = looked.get(row.oif ?? 0);
    if (dev && !isKernelsRoute(row)) addKernelObject(state, routeFrom(ns, dev, row));
  }
}

/** Whether the kernel's route to an address's subnet is there; one that is down has none. */
function routedBy(
  routes: ReturnType<typeof dumpMainRoutes>,
  byIndex: LinkRows,
): (index: number, subnet: Cidr) => boolean {
  const subnets = new Set(routes.filter(isKernelsRoute).map((row) => `${row.oif} ${destinationOf(row)}`));
  return (index, subnet) => !byIndex.get(index)!.up || subnets.has(`${index} ${subnet}`);
}

/** The port was read before its other end was found. */
function tellPort(state: MutableKernelTables, port: Port, ns: NamespaceName, end: NetlinkLink): void {
  const key = linkKey(port.visit.ns, port.row.name ?? '');
  const link = state.link.get(key)!;
  state.link.set(key, { ...link, detail: { type: 'veth', peer: { ns, name: end.name ?? '' } } });
}

/** As `kernelKey` has it, for a link of which only the name is at hand. */
const linkKey = (ns: NamespaceName, name: string): string => `${ns} ${name}`;

const byIndexOf = (rows: readonly NetlinkLink[]): LinkRows => new Map(rows.map((row) => [row.index, row]));

const namesOf = (rows: readonly NetlinkLink[]): LinkNames =>
  new Map(rows.map(({ index, name = '' }) => [index, name]));

/** A file that nothing is mounted on: its maker died before mount(2), or who deleted it after umount(2). */
function isHollow(ns: NamespaceName): boolean {
  const opened = openNamespace(namedNamespacePath(ns));
  if (typeof opened !== 'string') close(opened.fd);
  return opened === 'not-a-namespace';
}

/** Names under /run/netns with the host's tag. */
export function overlayNamespaces({ hostTag, overlays }: Scope): NamespaceName[] {
  let names: string[];
  try {
    names = readdirSync(NAMESPACE_DIRECTORY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names.filter((name) => isOverlayNamespaceOf(hostTag, name) && (overlays?.includes(name) ?? true));
}
