import {
  accept,
  type Chain,
  drop,
  type Field,
  is,
  isNot,
  type Rule,
  rule,
  type Value,
} from '#model/filter.ts';
import {
  arpSource,
  arpTarget,
  ETHER_TYPE,
  etherSource,
  etherType,
  icmpv6Type,
  iifname,
  ip6Source,
  ip6Target,
  ipSource,
  ipTarget,
  l4proto,
  ND,
  ndTarget,
  oifname,
  PROTOCOL,
} from '#model/filter-fields.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import type { NamespaceName } from '#model/kernel-state.ts';
import { type Mac, parseMac } from '#model/mac.ts';

/** Before br_netfilter and ebtables have a look (enum nf_br_hook_priorities, linux/netfilter_bridge.h). */
const FIRST = { type: 'filter', priority: -300, policy: 'accept' } as const;

/**
 * What keeps a host's own addresses in an adopted bridge, or a network's gateway, on their host: no frame from, to or
 * about them crosses the tunnel's port, in either direction. The rules name the device and need none, so they stand
 * before it does.
 */
export const tunnelGuard = (ns: NamespaceName, dev: string, addresses: readonly (Ip | Mac)[]): Chain[] => [
  guardChain(ns, `${dev}-in`, 'prerouting', iifname, dev, addresses),
  guardChain(ns, `${dev}-out`, 'postrouting', oifname, dev, addresses),
];

const guardChain = (
  ns: NamespaceName,
  name: string,
  hook: 'prerouting' | 'postrouting',
  way: Field,
  dev: string,
  addresses: readonly (Ip | Mac)[],
): Chain => ({
  kind: 'chain',
  ns,
  family: 'bridge',
  name,
  hook: { ...FIRST, hook },
  rules: [rule(isNot(way, dev), accept), ...addresses.flatMap(rulesAbout)],
});

/**
 * What must not cross because of one address of the host's own: who asks for it or says to have it, and what is sent
 * from it (a DHCP or router advertisement of this host is not for the others' containers) or to it.
 */
function rulesAbout(address: Ip | Mac): Rule[] {
  if (isMac(address)) return [rule(is(etherSource, address), drop)];
  const about = (ether: Value, field: Field): Rule => rule(is(etherType, ether), is(field, address), drop);
  if (familyOf(address) === 4)
    return [
      about(ETHER_TYPE.arp, arpSource),
      about(ETHER_TYPE.arp, arpTarget),
      about(ETHER_TYPE.ip, ipSource),
      about(ETHER_TYPE.ip, ipTarget),
    ];
  return [
    discovery(ND.solicit, address),
    discovery(ND.advert, address),
    about(ETHER_TYPE.ip6, ip6Source),
    about(ETHER_TYPE.ip6, ip6Target),
  ];
}

const discovery = (type: number, target: Ip): Rule =>
  rule(
    is(etherType, ETHER_TYPE.ip6),
    is(l4proto, PROTOCOL.icmpv6),
    is(icmpv6Type, type),
    is(ndTarget, target),
    drop,
  );

const isMac = (address: Ip | Mac): address is Mac => parseMac(address).ok;
