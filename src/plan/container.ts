import { cidrContains, interfaceAddress, prefixLengthOf } from '#model/cidr.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import {
  type Address,
  HOST_NAMESPACE,
  type KernelObject,
  type Link,
  type NamespaceName,
} from '#model/kernel-state.ts';
import { BRIDGE_NAME, hostEndName, LINK_GROUP, portName } from '#model/own.ts';
import type { Endpoint, Network } from '#model/records.ts';
import { carriedMtu, containerMtu } from './carried-mtu.ts';
import { defaultRoutes } from './gateway.ts';
import { linkLocalOf } from './link-local.ts';
import { portElements } from './port-security.ts';
import { KNOWN_PORT } from './port-settings.ts';

/**
 * The bridge port of an endpoint and the container's interface behind it, dressed and addressed. The host's own is one
 * like others, but for its mark: it is among strangers.
 */
export function* containerObjects(
  network: Network,
  ns: NamespaceName,
  endpoint: Endpoint,
  container: NamespaceName,
): Generator<KernelObject> {
  const { mac, interface: dev } = endpoint;
  const end = { ns: container, name: dev };
  const link = { ...endLink(network, ns, endpoint, end), up: true };
  yield* portObjects(network, ns, endpoint, end);
  if (isDressedByRuntime(endpoint)) yield link;
  else {
    const group = container === HOST_NAMESPACE ? LINK_GROUP : undefined;
    yield { ...link, group, arp: true, addrGenMode: 'none', ipv6: { disabled: false, acceptRa: false } };
    if (container !== HOST_NAMESPACE)
      yield { kind: 'link', ns: container, name: 'lo', up: true, detail: { type: 'loopback' } };
  }
  for (const ip of endpoint.addresses) yield addressOf(network, container, dev, ip);
  if (!isDressedByRuntime(endpoint)) yield addressObject(container, dev, linkLocalOf(mac), 64);
  yield* defaultRoutes(network, endpoint, container);
}

/** Whether its runtime dresses the interface as well: what is not of the endpoint's record is then that one's affair. */
export const isDressedByRuntime = ({ runtime }: Endpoint): boolean => runtime === 'docker';

/** What its runtime is to move into a container: a pair with one end in the bridge, the other in the host's namespace. */
export function* pairForRuntime(
  network: Network,
  ns: NamespaceName,
  endpoint: Endpoint,
): Generator<KernelObject> {
  const end = { ns: HOST_NAMESPACE, name: hostEndName(endpoint.id) };
  yield* portObjects(network, ns, endpoint, end);
  yield { ...endLink(network, ns, endpoint, end), group: LINK_GROUP };
}

interface End {
  readonly ns: NamespaceName;
  readonly name: string;
}

/** The bridge port of an endpoint. Without `end` it can be kept, wherever its other end is by now, but not made. */
export function* portObjects(
  network: Network,
  ns: NamespaceName,
  endpoint: Endpoint,
  end?: End,
): Generator<KernelObject> {
  const { id, mac } = endpoint;
  const name = portName(id);
  if (network.portSecurity === 'on') yield* portElements(ns, endpoint);
  yield {
    kind: 'link',
    ns,
    name,
    up: true,
    mtu: carriedMtu(network),
    master: BRIDGE_NAME,
    addrGenMode: 'none',
    ipv6: { disabled: false },
    detail: { type: 'veth', peer: end },
    port: KNOWN_PORT,
  };
  yield { kind: 'fdb', ns, dev: name, table: 'master', mac, state: 'static' };
}

const endLink = (network: Network, ns: NamespaceName, { id, mac }: Endpoint, end: End): Link => ({
  kind: 'link',
  ...end,
  up: false,
  mtu: containerMtu(network),
  mac,
  detail: { type: 'veth-peer', port: { ns, name: portName(id) } },
});

/** With its subnet's prefix length, so that the kernel makes the route to the subnet; alone outside any. */
function addressOf({ subnets }: Network, ns: NamespaceName, dev: string, ip: Ip): Address {
  const subnet = subnets.find(({ cidr }) => cidrContains(cidr, ip));
  return addressObject(ns, dev, ip, subnet ? prefixLengthOf(subnet.cidr) : familyOf(ip) === 4 ? 32 : 128);
}

/** IPv6 without duplicate address detection: an address is unique by its record, and usable at once. */
function addressObject(ns: NamespaceName, dev: string, ip: Ip, prefixLength: number): Address {
  const address = { kind: 'address', ns, dev, address: interfaceAddress(ip, prefixLength) } as const;
  return familyOf(ip) === 6 ? { ...address, nodad: true } : address;
}
