import {
  accept,
  countIn,
  drop,
  type Element,
  type Field,
  type FilterObject,
  goTo,
  is,
  isAtLeast,
  isIn,
  isNot,
  isNotIn,
  type Rule,
  rule,
  type SetShape,
  setMark,
  type Value,
  type ValueType,
} from '#model/filter.ts';
import {
  arpLengths,
  arpProtocol,
  arpSource,
  arpSourceMac,
  arpSourceMacBytes,
  DHCP_CLIENT_PORT,
  DHCP_SERVER_PORT,
  DHCPV6_CLIENT_PORT,
  ETHER_TYPE,
  etherSource,
  etherSourceBytes,
  etherType,
  GROUP_OF_THE_LINK,
  ICMP,
  icmpType,
  icmpv6Type,
  iifname,
  ip6FragmentOffset,
  ip6Length,
  ip6NextHeader,
  ip6Source,
  ip6SourceBytes,
  ipSource,
  ipTarget,
  l4proto,
  MAC_AND_IPV4,
  MLD,
  mark,
  mldGroup,
  mldV2Group,
  ND,
  ND_OPTION,
  ndOption,
  ndOptionMac,
  ndTarget,
  oifname,
  PROTOCOL,
  portTarget,
  protocol,
  SECOND_FRAGMENT,
  udpTarget,
} from '#model/filter-fields.ts';
import { FORGED, FORGERIES, type Forgery, forgeryNumber } from '#model/forgery.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import type { NamespaceName } from '#model/kernel-state.ts';
import { portName } from '#model/own.ts';
import type { Endpoint } from '#model/records.ts';
import { linkLocalOf } from './link-local.ts';

/*
 * What a container may send: frames with its own MAC and its own addresses, in what they say as in their headers. Sets
 * tell who is behind which port; an endpoint is three or four elements of them, and no rule. A port that is in none
 * passes nothing.
 *
 * Names of a container's frames are checked, not what they are for: it may ask anybody anything, and its own probes
 * (duplicate address detection, ARP from 0.0.0.0, DHCP questions) pass.
 */

const set = (name: string, ...key: ValueType[]): SetShape => ({ family: 'bridge', name, key });
const of = (name: string, ...fields: Field[]): SetShape => ({
  ...set(name, ...fields.map(({ type }) => type)),
  typeof: fields,
});
const MACS = of('port-macs', iifname, etherSourceBytes);
const IPV4 = of('port-ipv4', iifname, etherSource, ipSource);
const IPV6 = of('port-ipv6', iifname, etherSource, ip6SourceBytes);

/** BR_MAX_PORTS, net/bridge/br_private.h */
const MOST_PORTS = 1024;
const COUNTED: SetShape = {
  ...set(FORGED, 'ifname', 'mark'),
  countsUpTo: MOST_PORTS * FORGERIES.length,
};

/** Who is behind a port. */
export function* portElements(ns: NamespaceName, { id, mac, addresses }: Endpoint): Generator<Element> {
  const port = portName(id);
  const element = (set: SetShape, ...more: Value[]): Element => ({
    kind: 'element',
    ns,
    set,
    key: [port, mac, ...more],
  });
  yield element(MACS);
  for (const ip of [...addresses, linkLocalOf(mac)]) yield element(familyOf(ip) === 4 ? IPV4 : IPV6, ip);
}

/** Of a frame that the bridge sends: it would leave by the port of whom it bears the MAC. */
export const isItsOwn = isIn(MACS, oifname, etherSourceBytes);

/** The sets and chains of a network; `snoops` where some bridge of it may listen to reports. */
export function* portSecurity(ns: NamespaceName, snoops: boolean): Generator<FilterObject> {
  for (const shape of [MACS, IPV4, IPV6, COUNTED]) yield { kind: 'set', ns, shape };
  for (const [name, rules] of Object.entries({ ...CHAINS, [REPORTS]: snoops ? [rule(pass)] : REPORT_RULES }))
    yield { kind: 'chain', ns, family: 'bridge', name, rules };
}

const refusal = (kind: Forgery) => `refuse-${kind}`;
const refuse = (kind: Forgery) => goTo(refusal(kind));
/** Of a field with the port and the sender's MAC before it. */
const ours = (shape: SetShape, ...fields: Field[]) => isIn(shape, iifname, ...fields);
const notOurs = (shape: SetShape, ...fields: Field[]) => isNotIn(shape, iifname, ...fields);

/** Where what may be sent goes on. It sorts behind all that lead there. */
export const SENT = 'sent';
const pass = goTo(SENT);

/**
 * A container reports its solicited-node groups some four times, to bridges that snoop alone: ours do not, and each report
 * would be copied to each container on each host, which takes the kernel longer than the attaching itself.
 */
const REPORTS = 'ports-ipv6-reports';
/** RFC 2710, 3, and RFC 3810, 5.2, behind the hop-by-hop header that all of them have; of MLDv2 up to four groups. */
const [HOP_BY_HOP_BYTES, MLD_BYTES, GROUP_BYTES, MOST_GROUPS] = [8, 24, 20, 4];
const REPORT_RULES: readonly Rule[] = [
  rule(is(ip6Length, HOP_BY_HOP_BYTES + MLD_BYTES), is(mldGroup, GROUP_OF_THE_LINK), drop),
  ...Array.from({ length: MOST_GROUPS }, (_, last) =>
    rule(
      is(ip6Length, HOP_BY_HOP_BYTES + 8 + GROUP_BYTES * (last + 1)),
      ...Array.from({ length: last + 1 }, (_, n) => is(mldV2Group(n), GROUP_OF_THE_LINK)),
      drop,
    ),
  ),
  rule(pass),
];

const OTHER_RULES: readonly Rule[] = [
  rule(is(etherType, ETHER_TYPE.ip), goTo('ports-ipv4')),
  rule(is(etherType, ETHER_TYPE.ip6), goTo('ports-ipv6')),
  rule(is(etherType, ETHER_TYPE.arp), goTo('ports-arp')),
  // A tag would hide what is in the frame from these rules, and not from who receives it (802.1p, VLAN 0).
  rule(is(etherType, ETHER_TYPE.vlan), refuse('tag')),
  rule(is(etherType, ETHER_TYPE.qinq), refuse('tag')),
  rule(ours(MACS, etherSourceBytes), pass),
  rule(refuse('mac')),
];

/** What asks them. Nearly all that comes from a container passes by the first rule, unless it is for one of `gateways`. */
export const portRules = (gateways: readonly Ip[]): readonly Rule[] => [
  rule(
    is(protocol, ETHER_TYPE.ip),
    ours(IPV4, etherSource, ipSource),
    isNot(l4proto, PROTOCOL.icmp),
    isNot(portTarget, DHCP_CLIENT_PORT),
    ...gateways.filter((ip) => familyOf(ip) === 4).map((ip) => isNot(ipTarget, ip)),
    accept,
  ),
  ...OTHER_RULES,
];

const toReports = [MLD.report, MLD.reportV2].map((type) => rule(is(icmpv6Type, type), goTo(REPORTS)));

/** Of a solicitation or advertisement without options (RFC 4861, 4.3 and 4.4), and with one: more hide one in the other. */
const [ND_BYTES, ND_BYTES_WITH_OPTION] = [24, 32];

/**
 * By name; what leads nowhere else ends in a refusal, or passes. A name sorts before those that it leads to: so they
 * can be deleted one by one.
 */
const CHAINS: Readonly<Record<string, readonly Rule[]>> = {
  'ports-ipv4': [
    rule(notOurs(IPV4, etherSource, ipSource), goTo('ports-ipv4-other')),
    rule(is(l4proto, PROTOCOL.udp), is(udpTarget, DHCP_CLIENT_PORT), refuse('dhcp')),
    rule(is(l4proto, PROTOCOL.icmp), is(icmpType, ICMP.redirect), refuse('router')),
    rule(is(l4proto, PROTOCOL.icmp), is(icmpType, ICMP.routerAdvert), refuse('router')),
    rule(pass),
  ],
  'ports-ipv4-other': [
    rule(notOurs(MACS, etherSourceBytes), refuse('mac')),
    rule(is(ipSource, '0.0.0.0'), is(l4proto, PROTOCOL.udp), is(udpTarget, DHCP_SERVER_PORT), pass),
    rule(refuse('ip')),
  ],
  'ports-arp': [
    rule(notOurs(MACS, etherSourceBytes), refuse('mac')),
    rule(isNot(arpProtocol, ETHER_TYPE.ip), refuse('arp')),
    rule(isNot(arpLengths, MAC_AND_IPV4), refuse('arp')),
    rule(ours(IPV4, arpSourceMac, arpSource), pass),
    rule(is(arpSource, '0.0.0.0'), ours(MACS, arpSourceMacBytes), pass),
    rule(refuse('arp')),
  ],
  'ports-ipv6': [
    rule(notOurs(IPV6, etherSource, ip6SourceBytes), goTo('ports-ipv6-other')),
    rule(is(l4proto, PROTOCOL.icmpv6), goTo('ports-ipv6-icmp')),
    rule(is(l4proto, PROTOCOL.udp), goTo('ports-ipv6-udp')),
    rule(isNot(l4proto, 255), pass),
    rule(goTo('ports-ipv6-unread')),
  ],
  'ports-ipv6-udp': [
    rule(is(udpTarget, DHCPV6_CLIENT_PORT), refuse('dhcp')),
    rule(isNot(udpTarget, DHCPV6_CLIENT_PORT), pass),
    rule(goTo('ports-ipv6-unread')),
  ],
  // What cannot be read may be a later piece of a packet. A first one, or a whole one, whose headers lead nowhere would
  // carry anything past these rules (RFC 7112, 7113).
  'ports-ipv6-unread': [
    rule(is(ip6NextHeader, PROTOCOL.fragment), isAtLeast(ip6FragmentOffset, SECOND_FRAGMENT), pass),
    rule(refuse('ip')),
  ],
  'ports-ipv6-other': [
    rule(notOurs(MACS, etherSourceBytes), refuse('mac')),
    rule(isNot(ip6Source, '::'), refuse('ip')),
    rule(isNot(l4proto, PROTOCOL.icmpv6), refuse('ip')),
    rule(
      is(icmpv6Type, ND.solicit),
      is(ip6NextHeader, PROTOCOL.icmpv6),
      ours(IPV6, etherSource, ndTarget),
      pass,
    ),
    ...[ND.routerSolicit, MLD.done].map((type) => rule(is(icmpv6Type, type), pass)),
    ...toReports,
    rule(refuse('nd')),
  ],
  'ports-ipv6-icmp': [
    rule(is(icmpv6Type, ND.routerAdvert), refuse('router')),
    rule(is(icmpv6Type, ND.redirect), refuse('router')),
    rule(is(icmpv6Type, ND.solicit), goTo('ports-ipv6-icmp-solicit')),
    rule(is(icmpv6Type, ND.advert), goTo('ports-ipv6-icmp-advert')),
    ...toReports,
    rule(isNot(icmpv6Type, ND.advert), pass),
    rule(goTo('ports-ipv6-unread')),
  ],
  'ports-ipv6-icmp-solicit': [
    rule(isNot(ip6NextHeader, PROTOCOL.icmpv6), refuse('nd')),
    rule(is(ip6Length, ND_BYTES), pass),
    rule(isNot(ip6Length, ND_BYTES_WITH_OPTION), refuse('nd')),
    rule(is(ndOption, ND_OPTION.nonce), pass),
    rule(is(ndOption, ND_OPTION.sourceMac), ours(MACS, ndOptionMac), pass),
    rule(refuse('nd')),
  ],
  'ports-ipv6-icmp-advert': [
    rule(isNot(ip6NextHeader, PROTOCOL.icmpv6), refuse('nd')),
    rule(notOurs(IPV6, etherSource, ndTarget), refuse('nd')),
    rule(is(ip6Length, ND_BYTES), pass),
    rule(isNot(ip6Length, ND_BYTES_WITH_OPTION), refuse('nd')),
    rule(is(ndOption, ND_OPTION.targetMac), ours(MACS, ndOptionMac), pass),
    rule(refuse('nd')),
  ],
  // The mark is of no meaning to anybody else: the frame ends here.
  ...Object.fromEntries(
    FORGERIES.map((kind) => [
      refusal(kind),
      [rule(setMark(forgeryNumber(kind)), countIn(COUNTED, iifname, mark)), rule(drop)],
    ]),
  ),
};
