import { type Cidr, interfaceAddress, prefixLengthOf } from '#model/cidr.ts';
import { gatewayMac } from '#model/gateway.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import type { Address, Fdb, NamespaceName, Route } from '#model/kernel-state.ts';
import { BRIDGE_NAME, PROTOCOL } from '#model/own.ts';
import type { Endpoint, Network } from '#model/records.ts';
import { linkLocalOf } from './link-local.ts';
import type { OwnBridge } from './tunnel-guard.ts';

/**
 * Every host is the gateway to its own containers: `br0` has the network's gateway address and MAC everywhere. It
 * also asks for containers, from its link-local address when it forwards to one.
 */
export function* gatewayAddresses({ id, subnets }: Network, ns: NamespaceName): Generator<Address> {
  for (const { cidr, gateway } of subnets) yield addressOn(ns, gateway, prefixLengthOf(cidr));
  yield addressOn(ns, linkLocalOf(gatewayMac(id)), 64);
}

/**
 * The bridge knows its own MAC by a row like any other's. The kernel makes it with the bridge, and forgets it when somebody
 * deletes it: what is for the gateway is then flooded, and there is no way out.
 */
export const gatewayRow = ({ id }: Network, ns: NamespaceName): Fdb => ({
  kind: 'fdb',
  ns,
  dev: BRIDGE_NAME,
  table: 'master',
  mac: gatewayMac(id),
  state: 'permanent',
});

/** Whether a container leaves its network by the network's gateway. Docker routes its own containers, a host itself. */
export const usesGateway = ({ internal, gateway }: Network, { runtime }: Endpoint): boolean =>
  !internal && runtime !== 'host' && (runtime === 'netns' || gateway === 'anycast');

/** Above what anybody writes by hand: a way of the container's own goes first. */
const FIRST_METRIC = 0x1000000;

/** Of a container in several networks each has a way out, and the one with the lowest VNI is taken. */
export function* defaultRoutes(
  network: Network,
  endpoint: Endpoint,
  container: NamespaceName,
): Generator<Route> {
  if (!usesGateway(network, endpoint)) return;
  for (const { gateway } of network.subnets)
    if (endpoint.addresses.some((ip) => familyOf(ip) === familyOf(gateway)))
      yield {
        kind: 'route',
        ns: container,
        destination: (familyOf(gateway) === 4 ? '0.0.0.0/0' : '::/0') as Cidr,
        via: gateway,
        dev: endpoint.interface,
        protocol: PROTOCOL,
        metric: FIRST_METRIC + network.vni,
      };
}

/** The same address is on every host: IPv6 must not look whether somebody has it. */
const addressOn = (ns: NamespaceName, ip: Ip, prefixLength: number): Address => ({
  kind: 'address',
  ns,
  dev: BRIDGE_NAME,
  address: interfaceAddress(ip, prefixLength),
  ...(familyOf(ip) === 6 && { nodad: true }),
});

/** No frame from, to or about it crosses a tunnel, so that nobody hears another host's. */
export const gatewayOf = ({ id, subnets }: Network): OwnBridge => ({
  addresses: [...subnets.map(({ gateway }) => gateway), linkLocalOf(gatewayMac(id))],
  mac: gatewayMac(id),
});
