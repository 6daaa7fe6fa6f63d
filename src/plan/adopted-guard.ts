import type { Chain, ChainHook, Field, Rule, Statement, Value } from '#model/filter.ts';
import { drop, is, rule } from '#model/filter.ts';
import {
  arpSource,
  arpTarget,
  ETHER_TYPE,
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
import { HOST_NAMESPACE } from '#model/kernel-state.ts';

/** Before br_netfilter and ebtables have a look. */
const FIRST = { type: 'filter', priority: -300, policy: 'accept' } as const;

/**
 * What keeps a host's own addresses in an adopted bridge on their host: no frame from, to or about them crosses the
 * tunnel's port, in either direction. The rules name the device and need none, so they stand before it does.
 */
export function adoptedGuard(dev: string, addresses: readonly Ip[]): Chain[] {
  const chain = (name: string, way: Field, hook: ChainHook): Chain => ({
    kind: 'chain',
    ns: HOST_NAMESPACE,
    family: 'bridge',
    name,
    hook,
    rules: addresses.flatMap((address) => rulesAbout(address, is(way, dev))),
  });
  return [
    chain(`${dev}-in`, iifname, { ...FIRST, hook: 'prerouting' }),
    chain(`${dev}-out`, oifname, { ...FIRST, hook: 'postrouting' }),
  ];
}

/**
 * What must not cross because of one address of the host's own: who asks for it or says to have it, and what is sent
 * from it (a DHCP or router advertisement of this host is not for the others' containers) or to it.
 */
function rulesAbout(address: Ip, way: Statement): Rule[] {
  const about = (ether: Value, field: Field, ...first: Statement[]): Rule =>
    rule(way, is(etherType, ether), ...first, is(field, address), drop);
  const discovery = (type: number) =>
    about(ETHER_TYPE.ip6, ndTarget, is(l4proto, PROTOCOL.icmpv6), is(icmpv6Type, type));
  if (familyOf(address) === 4)
    return [
      about(ETHER_TYPE.arp, arpSource),
      about(ETHER_TYPE.arp, arpTarget),
      about(ETHER_TYPE.ip, ipSource),
      about(ETHER_TYPE.ip, ipTarget),
    ];
  return [
    discovery(ND.solicit),
    discovery(ND.advert),
    about(ETHER_TYPE.ip6, ip6Source),
    about(ETHER_TYPE.ip6, ip6Target),
  ];
}
