import type { Rule } from '#model/filter.ts';
import {
  accept,
  clampSegments,
  connection,
  drop,
  type Field,
  is,
  isLocal,
  isNot,
  isTranslated,
  masquerade,
  rule,
} from '#model/filter.ts';
import {
  iifname,
  ip6Source,
  ip6Target,
  ipSource,
  ipTarget,
  NFPROTO,
  nfproto,
  oifname,
} from '#model/filter-fields.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import { HOST_NAMESPACE, type Setting } from '#model/kernel-state.ts';
import type { Endpoint } from '#model/records.ts';
import { FORWARDING } from '#model/setting.ts';
import type { NetworkView } from './host-view.ts';
import { linkLocalOf } from './link-local.ts';

/*
 * A host that takes part in a network itself, and a machine that reaches the network through it:
 *
 *   192.0.2.50 ──▶ eth0 ── host ── [masquerade as 10.1.0.9] ──▶ wfh… ══ p… ── br0 ──▶ 10.1.0.5, here or on any host
 *
 * To containers it is the host that asks: they answer into their own subnet, whatever way out they have, or none.
 * The other way nothing passes but answers: what a container sends through the host ends there.
 */

/** The host's own endpoints. */
export const exposures = (networks: readonly NetworkView[]): Endpoint[] =>
  networks.flatMap(({ local }) => local.filter(({ runtime }) => runtime === 'host'));

/** Other machines' packets are handed on, in the families of the network. */
export const exposedForwarding = ({ addresses }: Endpoint): Setting[] =>
  addresses.map((ip) => ({
    kind: 'setting',
    ns: HOST_NAMESPACE,
    name: FORWARDING[familyOf(ip)],
    value: '1',
  }));

/** The host's interfaces in all networks that are exposed on it. */
const EXPOSED = 'wfh*';
/** Ways out of other networks, and those interfaces. */
const OURS = 'wf*';
/** Docker's default bridges: the way out of its containers of other networks, of Weft's too. */
const DOCKERS = 'docker*';

const intoExposed = is(oifname, EXPOSED);
const outOfExposed = is(iifname, EXPOSED);

export const exposedForward: readonly Rule[] = [
  rule(intoExposed, clampSegments),
  rule(intoExposed, connection('established', 'related'), accept),
  rule(intoExposed, is(iifname, OURS), drop),
  rule(intoExposed, is(iifname, DOCKERS), drop),
  rule(outOfExposed, connection('established', 'related'), accept),
  // A port that this host publishes.
  rule(outOfExposed, isTranslated, accept),
  rule(outOfExposed, drop),
];

/** Containers take what comes from the host's own address alone for the host's; of others they know no way back. */
export const exposedOut = (endpoint: Endpoint): Rule[] =>
  endpoint.addresses.map((ip) =>
    rule(is(oifname, endpoint.interface), ...familyIs(ip), isNot(SOURCE[familyOf(ip)], ip), masquerade),
  );

/** The host is there by its addresses in the network: by its others it is not. */
export const exposedInput = (endpoint: Endpoint): Rule[] =>
  endpoint.addresses.map((ip) => {
    const own = familyOf(ip) === 4 ? [ip] : [ip, linkLocalOf(endpoint.mac)];
    const others = own.map((each) => isNot(TARGET[familyOf(ip)], each));
    return rule(is(iifname, endpoint.interface), ...familyIs(ip), ...others, isLocal, drop);
  });

const SOURCE: Readonly<Record<4 | 6, Field>> = { 4: ipSource, 6: ip6Source };
const TARGET: Readonly<Record<4 | 6, Field>> = { 4: ipTarget, 6: ip6Target };

const familyIs = (ip: Ip) => [is(nfproto, familyOf(ip) === 4 ? NFPROTO.ip : NFPROTO.ip6)];
