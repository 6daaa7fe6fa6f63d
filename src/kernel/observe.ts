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
import { namedNamespacePath } from '#netlink/named-namespace.ts';
import { openNamespace } from '#netlink/open-namespace.ts';
import { decodeAddress, encodeDumpAddresses } from '#netlink/route/address.ts';
import { decodeLink, encodeDumpLinks, type Link as NetlinkLink } from '#netlink/route/link.ts';
import { addressFrom } from './address.ts';
import type { ContainerMemory } from './container-memory.ts';
import { overlayNames } from './container-namespace.ts';
import type { FilterMemory } from './filter-read.ts';
import type { Observed, Scope } from './kernel.ts';
import { type LinkNames, type LinkRows, linkFrom, rowsByIndex, withDevice } from './link.ts';
import { observeContainer, observeExposed, tellPort } from './observe-container.ts';
import { findLink, readHost } from './observe-host.ts';
import { readLayer3 } from './read-layer3.ts';
import { readFixedNeighbours, readTables } from './read-tables.ts';
import { isRoutedBy } from './route-towards.ts';
import { readOverlaySettings, readSettings } from './setting.ts';
import { type Port, Ports } from './veth-pair.ts';
import { unlessAbsent, type Visit, type Visits } from './visit.ts';

type MutableObserved = MutableKernelTables & { readonly rowSums: Map<NamespaceName, string> };

/** What need not be read at each look. */
export interface Memory {
  readonly filters: FilterMemory;
  readonly containers: ContainerMemory;
}

/** Reads all objects in scope; see `Kernel.observe`. */
export async function observe(
  scope: Scope,
  visits: Visits,
  { filters, containers }: Memory,
): Promise<Observed> {
  const state = {
    ...emptyKernelState(),
    rowSums: new Map<NamespaceName, string>(),
    bridges: new Map<string, BridgeFacts>(),
    drops: [] as ForwardDrop[],
  };
  readHost(state, visits.to(HOST_NAMESPACE), scope, filters);
  const ports = new Ports();
  const host = visits.to(HOST_NAMESPACE);
  // Also before anything of ours is there: writing what is so already would change devices' own settings beside it.
  readSettings(state, host, Object.values(FORWARDING));
  for (const ns of overlayNamespaces(scope)) {
    readGatewayEnd(state, host, ns, ports);
    const isThere = unlessAbsent(() => {
      readOverlay(state, visits.to(ns), ports, filters, scope.rows, host);
      return true;
    });
    if (!isThere && isHollow(ns)) addKernelObject(state, { kind: 'namespace', ns, hollow: true });
    await nextTurn();
  }
  if (scope.trustsSilence === 'mostly') containers.forgetSome();
  const trust = { memory: containers, isTrusted: scope.trustsSilence !== undefined };
  for (const container of scope.containers) {
    const { path } = container.namespace;
    if (path === HOST_NAMESPACE) observeExposed(state, host, container.interfaces, ports);
    else if (unlessAbsent(() => observeContainer(state, visits, container, ports, trust)) !== false) {
      visits.leave(path);
      await nextTurn();
    }
  }
  if (!scope.overlays) containers.keepOnly(scope.containers);
  return state;
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
  const [names, byIndex] = [namesOf(rows), rowsByIndex(rows)];
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
  for (const object of readLayer3(visit, names, byIndex)) addKernelObject(state, object);
  filters.read(state, visit);
  readOverlaySettings(state, visit);
  if (reach === 'none') return;
  const tunnels = rows.filter(({ vxlan }) => vxlan).map(({ index }) => index);
  const { sum, defaults } = readTables(visit, names, tunnels, reach === 'sums' ? undefined : state);
  state.rowSums.set(ns, sum);
  if (reach !== undefined) return;
  noteLostDefaults(state, ns, defaults);
  readFixedNeighbours(visit, names, state.neighbour);
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
  const byIndex = rowsByIndex([row]);
  addKernelObject(state, linkFrom(HOST_NAMESPACE, row, byIndex, { type: 'veth' }));
  if (row.kind === 'veth') ports.add({ visit: host, row });
  const isRouted = (subnet: Cidr) => !row.up || isRoutedBy(host.conversation, row.index, subnet);
  const own = host.conversation.dump(encodeDumpAddresses({ ifindex: row.index }), decodeAddress);
  for (const each of own)
    if (each.ifindex === row.index)
      addKernelObject(state, addressFrom(HOST_NAMESPACE, row.name ?? '', each, isRouted));
  readSettings(state, host, [routeLocalnet(row.name ?? '')]);
}

/** What was taken for a port is the network's end of its way out. */
function tellUplink(
  state: MutableKernelTables,
  outer: Port,
  ns: NamespaceName,
  row: NetlinkLink,
  byIndex: LinkRows,
): void {
  tellPort(state, outer, { ns, name: row.name ?? '' });
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

const namesOf = (rows: readonly NetlinkLink[]): LinkNames =>
  new Map(rows.map(({ index, name = '' }) => [index, name]));

/** A file that nothing is mounted on: its maker died before mount(2), or who deleted it after umount(2). */
function isHollow(ns: NamespaceName): boolean {
  const opened = openNamespace(namedNamespacePath(ns));
  if (typeof opened !== 'string') close(opened.fd);
  return opened === 'not-a-namespace';
}

/** Names under /run/netns with the host's tag. */
export const overlayNamespaces = ({ hostTag, overlays }: Scope): NamespaceName[] =>
  overlayNames().filter((name) => isOverlayNamespaceOf(hostTag, name) && (overlays?.includes(name) ?? true));
