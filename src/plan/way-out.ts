import { type Cidr, interfaceAddress, ipOf } from '#model/cidr.ts';
import { relayAddresses } from '#model/gateway.ts';
import { FAMILIES, type Family, familyOf, type Ip } from '#model/ip.ts';
import { type Address, HOST_NAMESPACE, type KernelObject, type NamespaceName } from '#model/kernel-state.ts';
import { gatewayName, LINK_GROUP, PROTOCOL, UPLINK_NAME } from '#model/own.ts';
import type { Network } from '#model/records.ts';
import { FORWARDING, FORWARDING_OF_DEVICES, routeLocalnet } from '#model/setting.ts';
import { usesGateway } from './gateway.ts';
import type { NetworkView } from './host-view.ts';

/** Whether anybody on this host leaves the network by its gateway. */
export const hasWayOut = ({ network, local }: NetworkView): boolean =>
  !network.adopts && local.some((endpoint) => usesGateway(network, endpoint));

export const familiesOf = ({ subnets }: Network): Family[] =>
  FAMILIES.filter((family) => subnets.some(({ cidr }) => familyOf(cidr) === family));

/**
 * From a network's own namespace to the host's: a pair of veths with addresses that only this host knows. The network's
 * addresses are translated before they reach the host, so that any number of networks may have the same.
 */
export function* wayOut({ network, publications }: NetworkView, ns: NamespaceName): Generator<KernelObject> {
  const outer = { ns: HOST_NAMESPACE, name: gatewayName(network.vni) };
  const inner = { ns, name: UPLINK_NAME };
  const shared = {
    kind: 'link',
    up: true,
    addrGenMode: 'none',
    ipv6: { disabled: false, acceptRa: false },
  } as const;
  yield { ...shared, ...outer, group: LINK_GROUP, detail: { type: 'veth', peer: inner } };
  yield { ...shared, ...inner, detail: { type: 'veth-peer', port: outer } };
  for (const family of familiesOf(network)) {
    const { host, overlay } = relayAddresses(network.vni, family);
    yield address(outer, host);
    yield address(inner, overlay);
    yield {
      kind: 'route',
      ns,
      destination: (family === 4 ? '0.0.0.0/0' : '::/0') as Cidr,
      via: ipOf(host),
      dev: UPLINK_NAME,
      protocol: PROTOCOL,
    };
    for (const each of [ns, HOST_NAMESPACE])
      yield { kind: 'setting', ns: each, name: FORWARDING[family], value: '1' };
  }
  // For who asks a published port at 127.0.0.1.
  if (publications.length > 0)
    yield { kind: 'setting', ns: HOST_NAMESPACE, name: routeLocalnet(outer.name), value: '1' };
  if (!familiesOf(network).includes(6)) return;
  yield { kind: 'setting', ns, name: FORWARDING_OF_DEVICES, value: '0' };
  // Without one a device asks for nobody's MAC when it forwards.
  yield address(outer, interfaceAddress('fe80::1' as Ip, 64));
  yield address(inner, interfaceAddress('fe80::2' as Ip, 64));
}

const address = (
  { ns, name }: { readonly ns: NamespaceName; readonly name: string },
  value: Address['address'],
): Address => ({
  kind: 'address',
  ns,
  dev: name,
  address: value,
  ...(familyOf(value) === 6 && { nodad: true }),
});
