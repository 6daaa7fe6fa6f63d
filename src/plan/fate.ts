import { isFilter } from '#model/filter.ts';
import {
  HOST_NAMESPACE,
  type KernelObject,
  type Link,
  type NamespaceName,
  type VethDetail,
} from '#model/kernel-state.ts';
import { isOverlayNamespaceOf } from '#model/own.ts';
import type { RowDevice } from '#model/row-kind.ts';
import { isOfIpv6 } from './ipv6.ts';
import type { Sight } from './kind.ts';
import { linkKey, linkRules, mustGoDown, needsRebuild } from './link.ts';
import { namespaceRules } from './namespace.ts';

/**
 * What becomes of objects because of others. Deleting a device takes its rows, its ports' membership and its other
 * end along; a container that is gone, or that has a stranger's interface of the wished name, keeps ours from being
 * made.
 */
export interface Fate {
  /** Observed links that get a delete of their own: too many, or to be built anew. */
  readonly deleted: ReadonlySet<string>;
  /** Whether an observed object outlives the namespaces and links that are deleted around it. */
  survives(seen: KernelObject): boolean;
  /** Whether a device's rows do. */
  keepsRows(device: RowDevice): boolean;
  /** A surviving link as it is then: a port whose bridge is built anew is in none. */
  afterwards(seen: Link): Link;
  /** Whether it goes down and up again. */
  isLowered(seen: Link): boolean;
  /** Whether a wished object can be made at all. */
  isPossible(wanted: KernelObject): boolean;
}

export function foresee(sight: Sight): Fate {
  const doomed = doomedNamespaces(sight);
  const blocked = blockedLinks(sight);
  const deleted = deletedLinks(sight, doomed, blocked.links);
  const lost = lostLinks(sight, doomed, deleted);
  const unbridged = unbridgedLinks(sight, lost);
  const lowered = loweredLinks(sight, lost);
  const nothingGoes = doomed.size + lost.size + unbridged.size + lowered.size === 0;
  const keepsRows = ({ ns, dev, table }: RowDevice): boolean => {
    if (nothingGoes) return true;
    const device = linkKey(ns, dev);
    if (table === undefined && lowered.has(device)) return false;
    return !lost.has(device) && !doomed.has(ns) && !(table === 'master' && unbridged.has(device));
  };
  return {
    deleted,
    keepsRows,
    survives(seen) {
      if (nothingGoes || seen.kind === 'namespace') return true;
      // Rules and sets stay when devices go.
      if (isFilter(seen) || seen.kind === 'setting') return !doomed.has(seen.ns);
      return seen.kind === 'link' ? !lost.has(linkKey(seen.ns, seen.name)) : keepsRows(seen);
    },
    afterwards: (seen) =>
      unbridged.has(linkKey(seen.ns, seen.name)) ? { ...seen, master: '', port: undefined } : seen,
    isLowered: (seen) => lowered.has(linkKey(seen.ns, seen.name)),
    isPossible(wanted) {
      if (isWithoutIpv6(wanted, sight)) return false;
      if (
        wanted.kind === 'namespace' ||
        wanted.kind === 'setting' ||
        isFilter(wanted) ||
        blocked.rows.size === 0
      )
        return true;
      if (wanted.kind === 'link') return !blocked.links.has(linkKey(wanted.ns, wanted.name));
      return !blocked.rows.has(linkKey(wanted.ns, wanted.dev));
    },
  };
}

/** A container that its runtime dresses may have IPv6 turned off, as by `docker run --sysctl`: it can have no address then. */
function isWithoutIpv6(wanted: KernelObject, { desired, observed }: Sight): boolean {
  if ((wanted.kind !== 'address' && wanted.kind !== 'route') || !isOfIpv6(wanted)) return false;
  const link = linkKey(wanted.ns, wanted.dev);
  return observed.link.get(link)?.ipv6?.disabled === true && desired.link.get(link)?.ipv6 === undefined;
}

function doomedNamespaces(sight: Sight): Set<NamespaceName> {
  const doomed = new Set<NamespaceName>();
  for (const namespace of sight.observed.namespace.values())
    if (!sight.desired.namespace.has(namespace.ns) && namespaceRules.isOurs(namespace, sight))
      doomed.add(namespace.ns);
  return doomed;
}

/**
 * Wished links that cannot be made, and links whose rows cannot. Behind a stranger's interface the port itself is
 * tried all the same: the kernel's refusal is what `status` shows.
 */
function blockedLinks(sight: Sight): { links: Set<string>; rows: Set<string> } {
  const { desired, observed } = sight;
  const present = new Set<NamespaceName>();
  for (const { ns } of observed.link.values()) present.add(ns);
  // A container's namespace has at least `lo`, so one without any link is gone; overlay namespaces can be made.
  const isGone = (ns: NamespaceName) =>
    ns !== HOST_NAMESPACE && !desired.namespace.has(ns) && !present.has(ns);
  const links = new Set<string>();
  const rows = new Set<string>();
  for (const [key, { ns, detail }] of desired.link) {
    const seen = observed.link.get(key);
    // A pair is made with both its ends: not while one is in others' hands.
    const isHalf = detail.type === 'veth' && !detail.peer && !seen;
    if (isHalf || isGone(ns) || (detail.type === 'veth' && detail.peer && isGone(detail.peer.ns))) {
      links.add(key);
      rows.add(key);
    } else if (detail.type === 'veth-peer' && seen && !linkRules.isOurs(seen, sight)) {
      links.add(key);
      rows.add(key).add(linkKey(detail.port.ns, detail.port.name));
    }
  }
  return { links, rows };
}

function deletedLinks(sight: Sight, doomed: Set<NamespaceName>, blocked: Set<string>): Set<string> {
  const deleted = new Set<string>();
  for (const [key, seen] of sight.observed.link) {
    const wanted = sight.desired.link.get(key);
    if (doomed.has(seen.ns) ? mustPrecedeNamespace(seen, sight) : !wanted && linkRules.isDrift(seen, sight))
      deleted.add(key);
    else if (wanted && !blocked.has(key) && isOwnEnd(wanted, sight) && needsRebuild(wanted, seen))
      deleted.add(key);
  }
  return deleted;
}

/** Of a doomed namespace: what holds a number, or a name in a container, until the kernel gets round to it. */
const mustPrecedeNamespace = ({ detail }: Link, { desired }: Sight): boolean =>
  detail.type === 'vxlan' || (detail.type === 'veth' && hasWishedPeer(detail, desired.link));

const hasWishedPeer = ({ peer }: VethDetail, wished: ReadonlyMap<string, Link>): boolean =>
  peer !== undefined && wished.has(linkKey(peer.ns, peer.name));

/** Not a container's side, which is only ever made and removed with its port; a network's end of its way out is all ours. */
const isOwnEnd = ({ ns, detail }: Link, { hostTag }: Sight): boolean =>
  detail.type === 'veth-peer' ? isOverlayNamespaceOf(hostTag, ns) : detail.type !== 'loopback';

function lostLinks(
  { observed }: Sight,
  doomed: Set<NamespaceName>,
  deleted: ReadonlySet<string>,
): Set<string> {
  const lost = new Set(deleted);
  for (const [key, { ns }] of observed.link) if (doomed.has(ns)) lost.add(key);
  for (const [key, { detail }] of observed.link) {
    const otherEnd = detail.type === 'veth-peer' ? detail.port : undefined;
    if (otherEnd && lost.has(linkKey(otherEnd.ns, otherEnd.name))) lost.add(key);
  }
  return lost;
}

/** A device that goes down loses its neighbours, permanent ones too; permanent rows of its FDB stay. */
function loweredLinks(sight: Sight, lost: Set<string>): Set<string> {
  const lowered = new Set<string>();
  for (const [key, wanted] of sight.desired.link) {
    const seen = sight.observed.link.get(key);
    if (seen && !lost.has(key) && mustGoDown(wanted, seen, sight)) lowered.add(key);
  }
  return lowered;
}

/** Surviving links that are not ports of the wished bridge, or of one that is built anew. */
function unbridgedLinks({ desired, observed }: Sight, lost: Set<string>): Set<string> {
  const unbridged = new Set<string>();
  for (const [key, { ns, master }] of desired.link) {
    const seen = observed.link.get(key);
    if (!master || !seen || lost.has(key)) continue;
    const bridge = linkKey(ns, master);
    if (seen.master !== master || lost.has(bridge) || !observed.link.has(bridge)) unbridged.add(key);
  }
  return unbridged;
}
