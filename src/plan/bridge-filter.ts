import { accept, type Chain, drop, type FilterObject, goTo, is, type Rule, rule } from '#model/filter.ts';
import { iifname, oifname } from '#model/filter-fields.ts';
import type { NamespaceName } from '#model/kernel-state.ts';
import { gatewayOf } from './gateway.ts';
import type { NetworkView } from './host-view.ts';
import { isItsOwn, portRules, portSecurity, SENT } from './port-security.ts';
import { guardInward, turnToBridge, WITHIN } from './tunnel-guard.ts';

/*
 * All that a network's bridge is sent on this host, heard before the bridge does, by one chain: each chain takes a frame as
 * long as half a dozen comparisons.
 *
 *   from a tunnel ──▶ received: nothing about the gateway; what it is else was checked where it was sent
 *   from a port ────▶ port security ──▶ sent: what is about the gateway is turned to this host's own
 */

const RECEIVED = 'received';
const BEFORE_THE_BRIDGE = { type: 'filter', hook: 'prerouting', priority: -290, policy: 'accept' } as const;

export function* bridgeFilter(view: NetworkView, ns: NamespaceName): Generator<FilterObject> {
  const { network, hosts, vteps } = view;
  const gateway = gatewayOf(network);
  const isSecure = network.portSecurity === 'on';
  const chain = (name: string, rules: readonly Rule[]): Chain => {
    return { kind: 'chain', ns, family: 'bridge', name, rules };
  };
  const hasPeers = [...vteps.keys()].some((id) => !hosts.has(id));
  if (isSecure) yield* portSecurity(ns, hasPeers);
  yield chain(RECEIVED, guardInward(gateway));
  yield chain(SENT, turnToBridge(gateway));
  const within = [
    rule(is(oifname, 'vxlan*'), drop),
    ...(isSecure ? [rule(isItsOwn, drop)] : []),
    rule(accept),
  ];
  yield chain(WITHIN, within);
  const rules = [
    rule(is(iifname, 'vxlan*'), goTo(RECEIVED)),
    ...(isSecure ? portRules(gateway.addresses) : [rule(goTo(SENT))]),
  ];
  yield { ...chain('ports', rules), hook: BEFORE_THE_BRIDGE };
}
