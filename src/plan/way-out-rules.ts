import { ipOf } from '#model/cidr.ts';
import {
  accept,
  type Chain,
  type ChainHook,
  clampSegments,
  connection,
  drop,
  is,
  isLocal,
  isNot,
  isTranslated,
  masquerade,
  type Rule,
  rule,
  type Statement,
  translateTo,
} from '#model/filter.ts';
import {
  iifname,
  ip6Target,
  ipSourceByte,
  ipTarget,
  l4proto,
  NFPROTO,
  nfproto,
  oifname,
  PROTOCOL,
  portTarget,
} from '#model/filter-fields.ts';
import { relayAddresses } from '#model/gateway.ts';
import { type Family, familyOf, type Ip } from '#model/ip.ts';
import { HOST_NAMESPACE, type NamespaceName } from '#model/kernel-state.ts';
import { BRIDGE_NAME, UPLINK_NAME } from '#model/own.ts';
import type { Endpoint, Publication } from '#model/records.ts';
import { exposedForward, exposedInput, exposedOut } from './exposed.ts';
import type { NetworkView } from './host-view.ts';

/*
 * A packet from a container to the outside, and a published port's to a container:
 *
 *   10.1.0.5 ──▶ br0 [weft-…: masquerade as 241.…] ──▶ up0 ── wfg… ──▶ [host: masquerade as its own] ──▶ 192.0.2.9
 *   10.1.0.5:80 ◀── br0 [weft-…: dnat] ◀── up0 ── wfg… ◀── [host: dnat to 241.…:relay port] ◀── 192.0.2.1:8080
 *
 * Between two networks, and from the host to a container, nothing passes but what was published.
 */

/** NF_IP_PRI_NAT_DST, NF_IP_PRI_NAT_SRC, NF_IP_PRI_FILTER of linux/netfilter_ipv4.h. */
const PRIORITY = { incoming: -100, outgoing: 100, filter: 0 };
const HOOKS = {
  'gateway-in': { type: 'nat', hook: 'prerouting', priority: PRIORITY.incoming },
  'gateway-local': { type: 'nat', hook: 'output', priority: PRIORITY.incoming },
  'gateway-out': { type: 'nat', hook: 'postrouting', priority: PRIORITY.outgoing },
  'gateway-forward': { type: 'filter', hook: 'forward', priority: PRIORITY.filter },
  'gateway-input': { type: 'filter', hook: 'input', priority: PRIORITY.filter },
} as const satisfies Record<string, Omit<ChainHook, 'policy'>>;

const chain = (ns: NamespaceName, name: keyof typeof HOOKS, rules: readonly Rule[]): Chain => ({
  kind: 'chain',
  ns,
  family: 'inet',
  name,
  hook: { ...HOOKS[name], policy: 'accept' },
  rules,
});

/** In a network's own namespace. */
export const overlayChains = (network: NetworkView, ns: NamespaceName): Chain[] => [
  chain(ns, 'gateway-in', publishedPorts(network).map(toContainer)),
  chain(ns, 'gateway-out', [rule(is(oifname, UPLINK_NAME), masquerade)]),
  chain(ns, 'gateway-forward', [
    // Bridged frames, where br_netfilter shows them.
    rule(is(iifname, BRIDGE_NAME), is(oifname, BRIDGE_NAME), accept),
    rule(clampSegments),
    rule(is(iifname, BRIDGE_NAME), is(oifname, UPLINK_NAME), accept),
    rule(is(iifname, UPLINK_NAME), is(oifname, BRIDGE_NAME), connection('established', 'related'), accept),
    rule(is(iifname, UPLINK_NAME), is(oifname, BRIDGE_NAME), isTranslated, accept),
    rule(drop),
  ]),
  chain(ns, 'gateway-input', [rule(is(iifname, UPLINK_NAME), connection('new', 'invalid'), drop)]),
];

/** All ways out of a host, as they are called there. */
const WAYS_OUT = 'wfg*';

/** In the host's own namespace, for all its networks that have a way out, and for its own endpoints. */
export function hostChains(networks: readonly NetworkView[], exposed: readonly Endpoint[]): Chain[] {
  const published = networks.flatMap(publishedPorts);
  return [
    chain(HOST_NAMESPACE, 'gateway-in', published.map(toRelay())),
    chain(HOST_NAMESPACE, 'gateway-local', published.map(toRelay(NOT_LOOPBACK))),
    chain(HOST_NAMESPACE, 'gateway-out', [
      rule(is(iifname, WAYS_OUT), masquerade),
      // From the host to a port of its own at 127.0.0.1, which means another host to the other end.
      rule(is(oifname, WAYS_OUT), is(nfproto, NFPROTO.ip), is(ipSourceByte, 127), masquerade),
      ...exposed.flatMap(exposedOut),
    ]),
    chain(HOST_NAMESPACE, 'gateway-forward', [
      rule(is(oifname, WAYS_OUT), connection('established', 'related'), accept),
      rule(is(oifname, WAYS_OUT), isTranslated, accept),
      rule(is(oifname, WAYS_OUT), drop),
      ...(exposed.length > 0 ? exposedForward : []),
    ]),
    // The host's own services are not for its containers, unless the network is exposed.
    chain(HOST_NAMESPACE, 'gateway-input', [
      rule(is(iifname, WAYS_OUT), connection('new', 'invalid'), drop),
      ...exposed.flatMap(exposedInput),
    ]),
  ];
}

/** One publication in one family. */
interface PublishedPort {
  readonly publication: Publication;
  readonly family: Family;
  /** Of the endpoint, and of the network's end of its way out. */
  readonly target: Ip;
  readonly relay: Ip;
}

function publishedPorts({ network, local, publications }: NetworkView): PublishedPort[] {
  return publications.flatMap((publication) => {
    const endpoint = local.find(({ id }) => id === publication.endpoint);
    const { hostAddress } = publication;
    return (endpoint?.addresses ?? []).flatMap((target): PublishedPort[] => {
      const family = familyOf(target);
      if (hostAddress && familyOf(hostAddress) !== family) return [];
      const relay = ipOf(relayAddresses(network.vni, family).overlay);
      return [{ publication, family, target, relay }];
    });
  });
}

const familyIs = (family: Family) => is(nfproto, family === 4 ? NFPROTO.ip : NFPROTO.ip6);

/**
 * What comes from ::1 never leaves the host, translated or not, and nobody would be told: the port stays the host's own
 * there. So who asks for `localhost`, which is ::1 first, is refused at once and goes on to 127.0.0.1.
 */
const NOT_LOOPBACK = [isNot(ip6Target, '::1' as Ip)];

const toRelay =
  (besides: readonly Statement[] = []) =>
  ({ publication, family, relay }: PublishedPort): Rule => {
    const { hostAddress, hostPort, protocol, relayPort } = publication;
    const named = hostAddress ? [is(family === 4 ? ipTarget : ip6Target, hostAddress)] : [];
    const notMeant = family === 6 && !hostAddress ? besides : [];
    const port = [is(l4proto, PROTOCOL[protocol]), is(portTarget, hostPort)];
    // An address that the host does not have is another machine's, whose packets pass as they are.
    return rule(familyIs(family), ...named, ...notMeant, isLocal, ...port, translateTo(relay, relayPort));
  };

const toContainer = ({ publication, family, target }: PublishedPort): Rule =>
  rule(
    is(iifname, UPLINK_NAME),
    familyIs(family),
    is(l4proto, PROTOCOL[publication.protocol]),
    is(portTarget, publication.relayPort),
    translateTo(target, publication.port),
  );
