import { isFilter } from '#model/filter.ts';
import type { Drift, HostStatus, Outage, RefusedFrames } from '#model/host-status.ts';
import { MIN_IPV6_MTU } from '#model/ip.ts';
import { type KernelOp, type OpResult, sizeOf } from '#model/kernel-op.ts';
import { KERNEL_KINDS, type KernelKind, type KernelObject } from '#model/kernel-state.ts';
import type { Notice } from '#model/notice.ts';
import { BRIDGE_NAME } from '#model/own.ts';
import type { Permit } from '#model/permit.ts';
import { type Host, hasIpv6Subnet, type Network, type Revision } from '#model/records.ts';
import { permitLine } from '#model/render-filter.ts';
import { containerMtu, OVERHEAD } from './carried-mtu.ts';
import { type HostView, type NetworkView, vtepOf } from './host-view.ts';
import { linkKey } from './link.ts';

/** What the last look found, and what came of it. */
export interface StatusFacts {
  readonly headRevision: Revision;
  /** The view's revision that the kernel was brought to before the look. */
  readonly appliedRevision: Revision;
  readonly settledRevision: Revision;
  /** What the look found to do. */
  readonly ops: readonly KernelOp[];
  readonly results: readonly OpResult[];
  readonly outages: readonly Outage[];
  readonly refused: readonly RefusedFrames[];
  /** What else people should know. */
  readonly notices: readonly Notice[];
  /** As the look found them. */
  readonly permits: readonly Permit[];
}

/** Lag, drift and failing, told apart. Work that a new revision brings is lag, not drift. */
export function hostStatus(view: HostView, facts: StatusFacts): HostStatus {
  const { appliedRevision, headRevision, settledRevision, ops, results, outages, refused, notices, permits } =
    facts;
  return {
    host: view.host.id,
    appliedRevision,
    headRevision: Math.max(headRevision, appliedRevision),
    settledRevision,
    drift: appliedRevision === view.revision ? driftOf(ops) : [],
    outages,
    refused,
    failing: results.flatMap((result) => (result.ok ? [] : [result.error])),
    notices: [...notices, ...tunnelNotices(view)],
    permits: permits.map((permit) => permitLine(permit)),
    endpoints: view.networks.reduce((count, { local }) => count + local.length, 0),
    networks: view.networks.length,
  };
}

/**
 * Counts by kind. A link that is deleted to be made anew is one that was changed; what must be made again only
 * because of that is not counted.
 */
export function driftOf(ops: readonly KernelOp[]): Drift[] {
  const counts = new Map<KernelKind, { missing: number; extra: number; changed: number }>();
  const rebuilt = rebuiltLinks(ops);
  for (const op of ops) {
    const { verb, object } = op;
    const isRebuilt = object.kind === 'link' && rebuilt.has(linkKey(object.ns, object.name));
    if (hangsOn(object, rebuilt) || (isRebuilt && verb === 'delete')) continue;
    const count = counts.get(object.kind) ?? { missing: 0, extra: 0, changed: 0 };
    counts.set(object.kind, count);
    if (verb === 'change' || isRebuilt) count.changed++;
    else if (verb === 'add') count.missing += sizeOf(op);
    else count.extra++;
  }
  return KERNEL_KINDS.flatMap((kind) => (counts.has(kind) ? [{ kind, ...counts.get(kind)! }] : []));
}

/** Links that are deleted and added, and the other ends that go and come with them. */
function rebuiltLinks(ops: readonly KernelOp[]): Set<string> {
  const deleted = new Set<string>();
  for (const { verb, object } of ops)
    if (verb === 'delete' && object.kind === 'link') deleted.add(linkKey(object.ns, object.name));
  const rebuilt = new Set<string>();
  for (const { verb, object } of ops) {
    if (verb !== 'add' || object.kind !== 'link' || !deleted.has(linkKey(object.ns, object.name))) continue;
    rebuilt.add(linkKey(object.ns, object.name));
    const peer = object.detail.type === 'veth' && object.detail.peer;
    if (peer) rebuilt.add(linkKey(peer.ns, peer.name));
  }
  return rebuilt;
}

/** Whether it is a row of such a link, in such a bridge, its other end or a port of it. */
function hangsOn(object: KernelObject, links: ReadonlySet<string>): boolean {
  if (links.size === 0 || object.kind === 'namespace' || object.kind === 'setting' || isFilter(object))
    return false;
  const isInBridge = object.kind === 'fdb' && object.table === 'master';
  if (isInBridge && links.has(linkKey(object.ns, BRIDGE_NAME))) return true;
  if (object.kind !== 'link') return links.has(linkKey(object.ns, object.dev));
  const { ns, name, master, detail } = object;
  if (detail.type === 'veth-peer') return links.has(linkKey(ns, name));
  return !!master && links.has(linkKey(ns, master));
}

/** Of all tunnels that this host has, or should have. */
export const tunnelNotices = (view: HostView): Notice[] =>
  view.networks.flatMap((network) => noticesOfNetwork(view, network));

/** Without a VTEP of its own a host has no tunnel in the network; of others' endpoints it says which have none. */
function noticesOfNetwork({ host }: HostView, { network, unreachable, vteps }: NetworkView): Notice[] {
  const notices: Notice[] = [];
  if (!vteps.has(host.id))
    notices.push({
      code: 'host-without-tunnel',
      title: 'This host has no tunnel in a network',
      sentence: `Network ${network.name} tunnels over ${network.underlay}, and ${host.name} has no ${network.underlay} underlay address: containers here reach only each other.`,
      next: `give the agent of ${host.name} an ${network.underlay} --underlay address.`,
    });
  if (unreachable.length > 0)
    notices.push({
      code: 'endpoint-unreachable',
      title: 'Endpoints that no tunnel leads to',
      sentence: `In network ${network.name}, ${unreachable.length} endpoint(s) are on hosts without an ${network.underlay} underlay address.`,
      next: `give those hosts an ${network.underlay} address, or make the network over the other family.`,
    });
  return [...notices, ...narrowNotices(host, network)];
}

/**
 * The underlay's MTU has become smaller since containers here were attached. Most interfaces drop what is larger when it
 * comes in, and nobody hears of that: connections are made, and stand still.
 */
function narrowNotices(host: Host, network: Network): Notice[] {
  const vtep = vtepOf(host, network.underlay);
  const overhead = OVERHEAD[network.underlay];
  const [mtu, fits] = [containerMtu(network), host.facts.underlayMtu - overhead];
  if (!vtep || mtu <= fits) return [];
  const dev = host.facts.underlayInterfaces[host.underlay.indexOf(vtep)] || 'its underlay';
  // The network takes no MTU that is too small for its subnets.
  const narrower =
    fits < MIN_IPV6_MTU && hasIpv6Subnet(network)
      ? `a network with an IPv4 subnet alone, and --mtu ${fits}`
      : `weft network set ${network.name} --mtu ${fits}`;
  return [
    {
      code: 'underlay-mtu-too-small',
      title: 'Full packets do not fit through the underlay',
      sentence: `Network ${network.name} has MTU ${mtu}, and ${dev} of ${host.name} carries ${fits} of it (its own MTU is ${host.facts.underlayMtu}): larger packets for containers here can be lost without a word.`,
      next: `ip link set ${dev} mtu ${mtu + overhead}, or ${narrower}.`,
    },
  ];
}
