import type { BridgeFacts } from '#model/bridge-facts.ts';
import { gatewayMac } from '#model/gateway.ts';
import type { Id } from '#model/id.ts';
import {
  addKernelObject,
  emptyKernelState,
  type KernelObject,
  type KernelState,
  type MutableKernelTables,
  type NamespaceName,
} from '#model/kernel-state.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { BRIDGE_NAME, overlayNamespace, tunnelName } from '#model/own.ts';
import type { ForwardDrop } from '#model/permit.ts';
import { fdbTable } from '#model/row-table.ts';
import { BRIDGE_CALLS } from '#model/setting.ts';
import { adoptedObjects } from './adopted.ts';
import { bridgeFilter } from './bridge-filter.ts';
import { carriedMtu } from './carried-mtu.ts';
import { containerObjects, portObjects } from './container.ts';
import { exposedForwarding, exposures } from './exposed.ts';
import { gatewayAddresses, gatewayOf, gatewayRow } from './gateway.ts';
import type { HostView, NetworkView } from './host-view.ts';
import { carriesIpv6, makeable } from './ipv6.ts';
import { forwarded, permits } from './permit.ts';
import { addTunnelRows, tunnelLinks } from './tunnel.ts';
import { guardOutward } from './tunnel-guard.ts';
import type { PlaceView } from './tunnel-rules.ts';
import { tunnelElements, vtepFilter } from './vtep-filter.ts';
import { hasWayOut, wayOut } from './way-out.ts';
import { hostChains, overlayChains } from './way-out-rules.ts';

/** What only the host itself knows. */
export interface HostRuntimeFacts {
  readonly hostTag: string;
  /**
   * Live containers by endpoint id; an endpoint without one gets no port. Without a namespace the interface is on its
   * way, in its runtime's hands: the port is kept, if it is there.
   */
  readonly containers: ReadonlyMap<Id, { readonly namespace?: NamespaceRef }>;
  /** Adopted bridges that are there, by name; none while it is not known. */
  readonly bridges?: ReadonlyMap<string, BridgeFacts>;
  /** Whether the kernel has nf_tables; then no rule is wished for. Default: it has. */
  readonly canFilter?: boolean;
  /** Whether the kernel has IPv6; then nothing of it is wished for. Default: it has. */
  readonly hasIpv6?: boolean;
  /** Chains of others that drop what is forwarded; none while it is not known. */
  readonly drops?: readonly ForwardDrop[];
}

const FILTER_KINDS = ['set', 'element', 'chain', 'permit'] as const;

/**
 * The kernel state that a view asks for on its host; without `rows` all but what is in tables, which can be long; of
 * overlays only those. Pure: the same view and facts give the same state.
 */
export function desired(
  view: HostView,
  facts: HostRuntimeFacts,
  { rows = true, overlays = 'all' }: { rows?: boolean; overlays?: ReadonlySet<NamespaceName> | 'all' } = {},
): KernelState {
  const state = emptyKernelState();
  const connected = connections(view, facts);
  // Without rules a way out would be one for everybody.
  const overlayOf = ({ network: { vni } }: NetworkView) => overlayNamespace(facts.hostTag, vni);
  const isIn = (network: NetworkView) => overlays === 'all' || overlays.has(overlayOf(network));
  const leadsOut = (network: NetworkView) => facts.canFilter !== false && hasWayOut(network);
  const isOnItsWay = (id: Id) => facts.containers.has(id) && !facts.containers.get(id)!.namespace;
  if (view.networks.some(({ vteps }) => vteps.has(view.host.id))) addAll(state, vtepFilter());
  for (const network of view.networks) {
    addAll(state, tunnelElements(network.network, network.vteps, view.host.id));
    if (network.network.adopts) {
      for (const objects of adoptedObjects(network, view.host, facts, rows ? state : undefined))
        addAll(state, objects);
      continue;
    }
    if (!isIn(network)) continue;
    const ns = overlayOf(network);
    const ipv6 = carriesIpv6(network.network, facts.hasIpv6);
    const add = (objects: Iterable<KernelObject>) => addAll(state, makeable(objects, ipv6));
    add(bridgeObjects(network, ns));
    add(bridgeFilter(network, ns));
    add([...gatewayAddresses(network.network, ns), gatewayRow(network.network, ns)]);
    if (leadsOut(network)) add([...wayOut(network, ns), ...overlayChains(network, ns)]);
    addTunnel(state, { ...network, host: view.host, ns, nameOf: tunnelName, ipv6 }, rows);
    for (const endpoint of network.local) {
      const container = connected.get(endpoint.id);
      if (container !== undefined) add(containerObjects(network.network, ns, endpoint, container));
      else if (isOnItsWay(endpoint.id)) add(portObjects(network.network, ns, endpoint));
    }
  }
  const exposedIn = (networks: readonly NetworkView[]) =>
    facts.canFilter === false ? [] : exposures(networks);
  const settings = exposedIn(view.networks.filter(isIn)).flatMap(exposedForwarding);
  addAll(state, makeable(settings, facts.hasIpv6 !== false));
  const exposed = exposedIn(view.networks);
  const outward = view.networks.filter(leadsOut);
  if (outward.length + exposed.length > 0) addAll(state, hostChains(outward, exposed));
  addAll(state, permits(forwarded(outward, exposed), facts.drops ?? []));
  if (facts.canFilter === false) for (const kind of FILTER_KINDS) state[kind].clear();
  return rows ? state : { ...state, fdb: fdbTable() };
}

function addTunnel(state: MutableKernelTables, place: PlaceView, withRows: boolean): void {
  for (const link of tunnelLinks(place))
    addAll(state, [guardOutward(place.ns, link.name, gatewayOf(place.network)), link]);
  if (withRows) addTunnelRows(place, state);
}

function addAll(state: MutableKernelTables, objects: Iterable<KernelObject>): void {
  for (const object of objects) addKernelObject(state, object);
}

/**
 * The container namespaces, by endpoint id, in which this host's endpoints can have their interface now. Two that
 * ask for the same name in the same container cannot both: the first by network and endpoint id has it.
 */
export function connections(
  { networks }: HostView,
  { containers }: HostRuntimeFacts,
): Map<Id, NamespaceName> {
  const taken = new Set<string>();
  const connected = new Map<Id, NamespaceName>();
  for (const { local } of networks)
    for (const endpoint of local) {
      const namespace = containers.get(endpoint.id)?.namespace;
      const name = `${namespace?.cookie} ${endpoint.interface}`;
      if (!namespace || taken.has(name)) continue;
      taken.add(name);
      connected.set(endpoint.id, namespace.path);
    }
  return connected;
}

/** `ip netns add weft-…`, and in it the bridge that joins ports, without STP and snooping, and is the gateway. */
function bridgeObjects({ network }: NetworkView, ns: NamespaceName): KernelObject[] {
  return [
    { kind: 'namespace', ns },
    {
      kind: 'link',
      ns,
      name: BRIDGE_NAME,
      up: true,
      mtu: carriedMtu(network),
      mac: gatewayMac(network.id),
      addrGenMode: 'none',
      // Else a container's router advertisement would give the bridge an address among the containers.
      ipv6: { disabled: false, acceptRa: false },
      detail: { type: 'bridge', stp: false, multicastSnooping: false },
    },
    // Frames that no rule for packets looks at need not be made packets of on their way.
    ...Object.values(BRIDGE_CALLS).map((name) => ({ kind: 'setting', ns, name, value: '0' }) as const),
  ];
}
