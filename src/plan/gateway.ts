import { interfaceAddress, prefixLengthOf } from '#model/cidr.ts';
import { gatewayMac } from '#model/gateway.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import type { Address, KernelObject, NamespaceName } from '#model/kernel-state.ts';
import { BRIDGE_NAME } from '#model/own.ts';
import type { Network } from '#model/records.ts';
import { linkLocalOf } from './link-local.ts';

/**
 * Every host is the gateway to its own containers: `br0` has the network's gateway address and MAC everywhere. It
 * also asks for containers, from its link-local address when it forwards to one.
 */
export function* gatewayAddresses({ id, subnets }: Network, ns: NamespaceName): Generator<Address> {
  for (const { cidr, gateway } of subnets) yield addressOn(ns, gateway, prefixLengthOf(cidr));
  yield addressOn(ns, linkLocalOf(gatewayMac(id)), 64);
}

/** The same address is on every host: IPv6 must not look whether somebody has it. */
const addressOn = (ns: NamespaceName, ip: Ip, prefixLength: number): Address => ({
  kind: 'address',
  ns,
  dev: BRIDGE_NAME,
  address: interfaceAddress(ip, prefixLength),
  ...(familyOf(ip) === 6 && { nodad: true }),
});

/** No frame from, to or about the gateway crosses a tunnel, so that nobody hears another host's. */
export const gatewayGuard = ({ id, subnets }: Network, ns: NamespaceName, dev: string): KernelObject => ({
  kind: 'guard',
  ns,
  dev,
  addresses: [...subnets.map(({ gateway }) => gateway), linkLocalOf(gatewayMac(id)), gatewayMac(id)],
});
