import { cidrContains, interfaceAddress, prefixLengthOf } from '#model/cidr.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import type { Address, KernelObject, NamespaceName } from '#model/kernel-state.ts';
import { BRIDGE_NAME, portName } from '#model/own.ts';
import type { Endpoint, Network } from '#model/records.ts';
import { carriedMtu, containerMtu } from './carried-mtu.ts';
import { defaultRoutes } from './gateway.ts';
import { linkLocalOf } from './link-local.ts';
import { KNOWN_PORT } from './port-settings.ts';

/** The bridge port of an endpoint and the container's interface behind it, dressed and addressed. */
export function* containerObjects(
  network: Network,
  ns: NamespaceName,
  endpoint: Endpoint,
  container: NamespaceName,
): Generator<KernelObject> {
  const { mac, interface: dev } = endpoint;
  const port = portName(endpoint.id);
  const shared = { kind: 'link', up: true, addrGenMode: 'none' } as const;
  yield {
    ...shared,
    ns,
    name: port,
    mtu: carriedMtu(network),
    master: BRIDGE_NAME,
    ipv6: { disabled: false },
    detail: { type: 'veth', peer: { ns: container, name: dev } },
    port: KNOWN_PORT,
  };
  yield { kind: 'fdb', ns, dev: port, table: 'master', mac, state: 'static' };
  yield {
    ...shared,
    ns: container,
    name: dev,
    mtu: containerMtu(network),
    mac,
    arp: true,
    ipv6: { disabled: false, acceptRa: false },
    detail: { type: 'veth-peer', port: { ns, name: port } },
  };
  yield { kind: 'link', ns: container, name: 'lo', up: true, detail: { type: 'loopback' } };
  for (const ip of endpoint.addresses) yield addressOf(network, container, dev, ip);
  yield addressObject(container, dev, linkLocalOf(mac), 64);
  yield* defaultRoutes(network, endpoint, container);
}

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
