import { familyOf } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { HOST_NAMESPACE, type Link, type NamespaceName } from '#model/kernel-state.ts';
import { isOverlayNamespaceOf, isOwnHostLink } from '#model/own.ts';
import { agrees, type KindRules, type Sight } from './kind.ts';

/*
 * Key: namespace and name.
 * Equal: every field that the wish specifies; a MAC that nobody asked for does not count.
 * Ours: in an overlay namespace all but what the kernel puts into every namespace; in the host's namespace name `wf…`
 *   and group 0x77656674 together; there and in containers the interface whose other end is a port of ours.
 * Before it: its namespace; its bridge; for a port the container's namespace.
 * Gone first: a device of its name; another pair with its interface name in the container; for a VXLAN device any
 *   other with its VNI and UDP port (EEXIST).
 * If we die right here: a port's far end is still down, a VXLAN device without rows drops; no frame goes astray.
 */
export const linkRules: KindRules<Link> = {
  equal: agrees,
  isOurs,
  // A container's interface goes with its port.
  isDrift: (seen, sight) => seen.detail.type !== 'veth-peer' && isOurs(seen, sight),
  step: (op, { detail }) => {
    const stale = op.verb === 'delete';
    if (detail.type === 'vxlan') return stale ? 'stale tunnel' : isSilenced(op) ? 'silent tunnel' : 'tunnel';
    if (detail.type === 'bridge') return stale ? 'stale bridge' : 'bridge';
    if (stale) return 'stale port';
    return detail.type === 'veth-peer' || detail.type === 'loopback' ? 'interface' : 'port';
  },
  holds: ({ ns, name, detail }) => {
    const held = [linkKey(ns, name)];
    if (detail.type === 'veth' && detail.peer) held.push(linkKey(detail.peer.ns, detail.peer.name));
    if (detail.type === 'vxlan') held.push(`vni ${detail.vni} port ${detail.port}`);
    return held;
  },
};

/** Frames go out by another tunnel of the bridge from now on. */
const isSilenced = (op: KernelOp): boolean =>
  op.verb === 'change' &&
  ((op.was as Link).port?.unicastFlood ?? true) &&
  (op.object as Link).port?.unicastFlood === false;

export const linkKey = (ns: NamespaceName, name: string): string => `${ns} ${name}`;

function isOurs({ ns, name, group, detail }: Link, { hostTag }: Sight): boolean {
  if (detail.type === 'loopback' || FALLBACK_DEVICES.has(name)) return false;
  if (isOverlayNamespaceOf(hostTag, ns)) return true;
  if (detail.type === 'veth-peer' && isOverlayNamespaceOf(hostTag, detail.port.ns)) return true;
  return ns === HOST_NAMESPACE && isOwnHostLink({ name, group });
}

/** Made by the kernel in every namespace once their module is loaded (net.core.fb_tunnels_only_for_init_net); not deletable. */
const FALLBACK_DEVICES: ReadonlySet<string> = new Set([
  'tunl0',
  'gre0',
  'gretap0',
  'erspan0',
  'ip_vti0',
  'ip6_vti0',
  'ip6tnl0',
  'ip6gre0',
  'sit0',
]);

/** Whether a row of this device is ours because the device is. */
export function isOnOurLink(ns: NamespaceName, dev: string, sight: Sight): boolean {
  const link = sight.observed.link.get(linkKey(ns, dev));
  return link ? isOurs(link, sight) : isOverlayNamespaceOf(sight.hostTag, ns);
}

/** Whether the kernel refuses this change on a live device, so that only delete and add lead there. */
export function needsRebuild({ detail: wanted }: Link, { detail: seen }: Link): boolean {
  if (wanted.type === 'vxlan' && seen.type === 'vxlan')
    return (
      REFUSED_CHANGES.some((field) => wanted[field] !== seen[field]) ||
      familyOf(wanted.local) !== familyOf(seen.local)
    );
  if (wanted.type === 'veth' && seen.type === 'veth') return !agrees(wanted.peer, seen.peer);
  if (wanted.type === 'macvlan' && seen.type === 'macvlan') return wanted.parent !== seen.parent;
  return wanted.type !== seen.type;
}

/**
 * Whether it joins its group only by being set up, and leaves it only by being set down: it must go down before, which
 * costs it its neighbours. One that stayed in a group must not be deleted (`rejoinsGroups` in kernel/kernel-features.ts).
 */
export function mustGoDown(
  { up, detail: wanted }: Link,
  seen: Link,
  { rejoinsGroups = true }: Sight,
): boolean {
  const is = seen.detail;
  if (rejoinsGroups || !up || !seen.up || wanted.type !== 'vxlan' || is.type !== 'vxlan') return false;
  const { remote, device } = wanted;
  return remote !== undefined && (remote !== is.remote || (remote !== '' && device !== is.device));
}

/** vxlan_changelink() in drivers/net/vxlan/vxlan_core.c answers EOPNOTSUPP. */
const REFUSED_CHANGES = ['vni', 'port', 'proxy', 'l2miss', 'l3miss'] as const;
