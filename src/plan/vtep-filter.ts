import {
  accept,
  type Chain,
  countIn,
  drop,
  type Element,
  type Field,
  type FilterObject,
  goTo,
  is,
  isIn,
  isNot,
  isNotIn,
  type Rule,
  rule,
  type SetShape,
  type Statement,
  setMark,
  type Value,
} from '#model/filter.ts';
import {
  iifname,
  ip6Source,
  ip6Target,
  ipSource,
  ipTarget,
  l4proto,
  mark,
  NFPROTO,
  nfproto,
  PROTOCOL,
  udpTarget,
  vxlanVni,
} from '#model/filter-fields.ts';
import type { Id } from '#model/id.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import { HOST_NAMESPACE, type KernelState, kernelKey, type VxlanDetail } from '#model/kernel-state.ts';
import type { Network } from '#model/records.ts';
import { REFUSED_VXLAN, type VxlanRefusal, vxlanRefusalNumber } from '#model/vxlan-refusal.ts';
import { tunnelsOf } from './tunnel.ts';

/*
 * Who may send into a network from outside: its members' VTEPs and its peers. VXLAN itself believes whoever reaches the
 * UDP port. In the host's own namespace, where the tunnels' sockets are, and by sets, so that members come and go
 * without a rule. VXLAN of others (another VNI, another port) passes as if nothing were here.
 *
 * What this host's containers send is held back even if it seems to come from a member: with the host's address in
 * front of it (masquerade), other hosts could not tell it from the host's own.
 */

const set = (name: string, ...fields: Field[]): SetShape => ({
  family: 'inet',
  name,
  key: fields.map(({ type }) => type),
  typeof: fields,
});
/** UDP port and VNI of this host's tunnels, and the ports alone. */
const TUNNELS = set('tunnels', udpTarget, vxlanVni);
const PORTS = set('tunnel-ports', udpTarget);
const IPV4 = set('vteps-ipv4', udpTarget, vxlanVni, ipSource);
const IPV6 = set('vteps-ipv6', udpTarget, vxlanVni, ip6Source);
const MOST_INTERFACES = 4096;
const COUNTED: SetShape = { ...set(REFUSED_VXLAN, iifname, mark), countsUpTo: MOST_INTERFACES };

const element = (shape: SetShape, ...key: Value[]): Element => ({
  kind: 'element',
  ns: HOST_NAMESPACE,
  set: shape,
  key,
});

/** Both tunnels of one that is being changed, and the VNIs that are on the wire meanwhile. */
const keysOf = (network: Network): (readonly [port: number, vni: number])[] =>
  [...tunnelsOf(network)].map(({ tunnel }) => [tunnel.port, tunnel.transitVni ?? network.vni]);

/** What lets a member's or a peer's frames in. */
export const vtepElements = (network: Network, vtep: Ip): Element[] =>
  keysOf(network).map((key) => element(familyOf(vtep) === 4 ? IPV4 : IPV6, ...key, vtep));

/** What is known of a network's tunnels here, and who may send to them. Nothing where this host has none. */
export function* tunnelElements(network: Network, vteps: ReadonlyMap<Id, Ip>, own: Id): Generator<Element> {
  if (!vteps.has(own)) return;
  for (const [port, vni] of keysOf(network)) {
    yield element(TUNNELS, port, vni);
    yield element(PORTS, port);
  }
  const others = [...vteps].filter(([id]) => id !== own).map(([, vtep]) => vtep);
  for (const vtep of new Set(others)) yield* vtepElements(network, vtep);
}

/** Whether such a state has frames of that tunnel let in from there; without rules they are, from everywhere. */
export function letsIn(
  { element: elements }: KernelState,
  { port, vni }: VxlanDetail,
  vtep: Ip | undefined,
): boolean {
  const has = (one: Element) => elements.has(kernelKey(one));
  if (!vtep || !has(element(TUNNELS, port, vni))) return true;
  return has(element(familyOf(vtep) === 4 ? IPV4 : IPV6, port, vni, vtep));
}

/** The sets and chains, the same on every host that is in a network. */
export function* vtepFilter(): Generator<FilterObject> {
  for (const shape of [TUNNELS, PORTS, IPV4, IPV6, COUNTED]) yield { kind: 'set', ns: HOST_NAMESPACE, shape };
  yield* CHAINS;
}

const chain = (name: string, rules: readonly Rule[], hook?: 'input' | 'forward'): Chain => ({
  kind: 'chain',
  ns: HOST_NAMESPACE,
  family: 'inet',
  name,
  ...(hook && { hook: { type: 'filter', hook, priority: BEFORE_ALL, policy: 'accept' } }),
  rules,
});

/** NF_IP_PRI_RAW, linux/netfilter_ipv4.h: before any rule of others could let it pass. */
const BEFORE_ALL = -300;

/** A name behind those that lead there: see port-security.ts. */
const refusal = (why: VxlanRefusal) => `vxlan-refuse-${why}`;
/** The interfaces behind which containers are that leave by this host: Docker's own, and Weft's. */
const INSIDE = ['docker*', 'wf*'];
const fromInside = (...then: readonly Statement[]): Rule[] =>
  INSIDE.map((name) => rule(is(iifname, name), ...then));
const fromOutside: readonly Statement[] = INSIDE.map((name) => isNot(iifname, name));

const refuse = (why: VxlanRefusal): Chain =>
  chain(refusal(why), [rule(setMark(vxlanRefusalNumber(why)), countIn(COUNTED, iifname, mark)), rule(drop)]);

const CHAINS: readonly Chain[] = [
  refuse('stranger'),
  refuse('container'),
  chain(
    'vxlan-in',
    [
      // Members first: of a stream without offload each expression takes half a percent.
      rule(isNot(l4proto, PROTOCOL.udp), accept),
      rule(is(nfproto, NFPROTO.ip), isIn(IPV4, udpTarget, vxlanVni, ipSource), ...fromOutside, accept),
      rule(is(nfproto, NFPROTO.ip6), isIn(IPV6, udpTarget, vxlanVni, ip6Source), ...fromOutside, accept),
      // A datagram of less than eight bytes has no VNI to be loaded: by the rule below alone it would be a stranger's.
      rule(isNotIn(PORTS, udpTarget), accept),
      rule(isNotIn(TUNNELS, udpTarget, vxlanVni), accept),
      // The host's own.
      rule(is(iifname, 'lo'), accept),
      ...fromInside(goTo(refusal('container'))),
      rule(goTo(refusal('stranger'))),
    ],
    'input',
  ),
  chain(
    'vxlan-forward',
    [
      rule(isNot(l4proto, PROTOCOL.udp), accept),
      ...fromInside(isIn(PORTS, udpTarget), goTo(refusal('container'))),
      rule(is(nfproto, NFPROTO.ip), isIn(IPV4, udpTarget, vxlanVni, ipTarget), goTo(refusal('container'))),
      rule(is(nfproto, NFPROTO.ip6), isIn(IPV6, udpTarget, vxlanVni, ip6Target), goTo(refusal('container'))),
    ],
    'forward',
  ),
];
