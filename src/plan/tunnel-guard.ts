import {
  accept,
  type Chain,
  drop,
  type Field,
  goTo,
  is,
  isNot,
  type Rule,
  rule,
  type Statement,
  turnTo,
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
  mark,
  ND,
  ndTargetBehind,
  oifname,
  PROTOCOL,
  protocol,
} from '#model/filter-fields.ts';
import { type Family, familyOf, type Ip } from '#model/ip.ts';
import type { NamespaceName } from '#model/kernel-state.ts';
import { type Mac, parseMac } from '#model/mac.ts';
import { WITHIN_MARK } from '#model/own.ts';

/** Before br_netfilter and ebtables have a look (enum nf_br_hook_priorities, linux/netfilter_bridge.h). */
const FIRST = { type: 'filter', priority: -300, policy: 'accept' } as const;

/**
 * What keeps a host's own addresses in an adopted bridge on their host: no frame from, to or about them crosses the
 * tunnel's port, in either direction. The rules name the device and need none, so they stand before it does.
 */
export const tunnelGuard = (ns: NamespaceName, dev: string, addresses: readonly (Ip | Mac)[]): Chain[] => [
  guardChain(ns, `${dev}-in`, 'prerouting', iifname, dev, addresses),
  guardChain(ns, `${dev}-out`, 'postrouting', oifname, dev, addresses),
];

/** Who a bridge of ours is, a network's gateway. */
export interface OwnBridge {
  readonly addresses: readonly Ip[];
  readonly mac: Mac;
}

/*
 * The same for a bridge of ours, by rules for the one chain that hears its ports (bridge-filter.ts): what a tunnel
 * brings, and what containers send, which is turned to the bridge itself if it is about it, where the guard hears it
 * anyway. What the bridge sends is heard where nothing else passes: behind the bridge every frame would be heard again.
 */

export const guardInward = ({ addresses, mac }: OwnBridge): Rule[] => [
  ...rulesBeside(protocol, addresses),
  // Behind a first tag: nobody sees what is behind the second but who receives it.
  ...[ETHER_TYPE.vlan, ETHER_TYPE.qinq].map((tag) => rule(is(protocol, tag), drop)),
  ...[...addresses, mac].flatMap(rulesAbout),
];

export const turnToBridge = ({ addresses, mac }: OwnBridge): Rule[] => [
  ...rulesBeside(protocol, addresses),
  ...[...addresses, mac].flatMap(signsOf).map((signs) => rule(...signs, turnTo(mac), accept)),
];

/** Where frames go that the bridge sends for this host's containers alone. It sorts behind all that lead there. */
export const WITHIN = 'within';

export function guardOutward(ns: NamespaceName, dev: string, { addresses, mac }: OwnBridge): Chain {
  const chain = guardChain(ns, `${dev}-out`, 'output', oifname, dev, [...addresses, mac]);
  return { ...chain, rules: [rule(is(mark, WITHIN_MARK), goTo(WITHIN)), ...chain.rules] };
}

type Hook = 'prerouting' | 'output' | 'postrouting';

const guardChain = (
  ns: NamespaceName,
  name: string,
  hook: Hook,
  way: Field,
  dev: string,
  addresses: readonly (Ip | Mac)[],
): Chain => ({
  kind: 'chain',
  ns,
  family: 'bridge',
  name,
  hook: { ...FIRST, hook },
  rules: [
    rule(isNot(way, dev), accept),
    ...rulesBeside(etherType, addresses),
    ...addresses.flatMap(rulesAbout),
  ],
});

/** A rule has at most 128 expressions (NFT_RULE_MAXEXPRS, linux/netfilter/nf_tables.h), of which an address takes four. */
const MOST_BESIDE = 16;

/**
 * Nearly all frames are about other addresses, and one rule a family says so: asking every one of those below takes a
 * frame as long as the bridge does.
 */
function rulesBeside(type: Field, addresses: readonly (Ip | Mac)[]): Rule[] {
  const strangers = addresses.filter(isMac).map((mac) => isNot(etherSource, mac));
  const beside = (
    ether: Value,
    source: Field,
    target: Field,
    family: Family,
    ...first: Statement[]
  ): Rule[] => {
    const own = addresses.filter((address) => !isMac(address) && familyOf(address) === family);
    if (own.length + strangers.length > MOST_BESIDE) return [];
    const others = own.flatMap((address) => [isNot(source, address), isNot(target, address)]);
    return [rule(is(type, ether), ...first, ...others, ...strangers, accept)];
  };
  return [
    ...beside(ETHER_TYPE.ip, ipSource, ipTarget, 4),
    ...beside(ETHER_TYPE.ip6, ip6Source, ip6Target, 6, isNot(l4proto, PROTOCOL.icmpv6)),
  ];
}

/**
 * What must not cross because of one address of the host's own: who asks for it or says to have it, and what is sent
 * from it (a DHCP or router advertisement of this host is not for the others' containers) or to it.
 */
const rulesAbout = (address: Ip | Mac): Rule[] => signsOf(address).map((signs) => rule(...signs, drop));

/**
 * What a frame has that is from, to or about that address. Behind a tag, too: who receives one of VLAN 0 takes what is in
 * it as if there were none.
 */
function signsOf(address: Ip | Mac): (readonly Statement[])[] {
  if (isMac(address)) return [[is(etherSource, address)]];
  const about = (ether: Value, field: Field) => [is(protocol, ether), is(field, address)];
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

const discovery = (type: number, target: Ip): readonly Statement[] => [
  is(protocol, ETHER_TYPE.ip6),
  is(l4proto, PROTOCOL.icmpv6),
  is(icmpv6Type, type),
  is(ndTargetBehind, target),
];

const isMac = (address: Ip | Mac): address is Mac => parseMac(address).ok;
