import type { Link, NamespaceName } from '#model/kernel-state.ts';
import { DOOMED_LINK_GROUP, isOverlayNamespace } from '#model/own.ts';
import { type DeleteTarget, deleteLinks as deleteInBackground } from '#netlink/delete-links.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { decodeLink, encodeDumpLinks, encodeSetLink } from '#netlink/route/link.ts';
import { isAbsent, type Visit, type Visits } from './visit.ts';

type Outcome = NetlinkError | undefined;

/**
 * Deletes links off this thread and waits until they are gone; outcomes are in the order of `links`, the absent are
 * successes. The kernel takes some 16 ms for one link and hardly more for a group, so many of one namespace go together.
 */
export async function deleteLinks(visits: Visits, links: readonly Link[]): Promise<Outcome[]> {
  const outcomes = new Map<Link, Outcome>();
  for (const [ns, group] of groupByNamespace(links)) {
    const results = await deleteIn(
      visits,
      ns,
      group.map(({ name }) => name),
    );
    group.forEach((link, i) => void outcomes.set(link, results[i]));
  }
  visits.forgetIndexes();
  return links.map((link) => outcomes.get(link));
}

/** In the order in which the namespaces come up first; nothing in one waits for another. */
function groupByNamespace(links: readonly Link[]): Map<NamespaceName, Link[]> {
  const groups = new Map<NamespaceName, Link[]>();
  for (const link of links) groups.set(link.ns, [...(groups.get(link.ns) ?? []), link]);
  return groups;
}

async function deleteIn(visits: Visits, ns: NamespaceName, names: readonly string[]): Promise<Outcome[]> {
  try {
    const visit = visits.to(ns);
    const together = names.length > 1 && isOverlayNamespace(ns);
    if (together && (await deleteTogether(visit, names))) return names.map(() => undefined);
    return await deleteEach(visit, names);
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    return names.map(() => (isAbsent(error) ? undefined : error));
  }
}

async function deleteEach(visit: Visit, names: readonly string[]): Promise<Outcome[]> {
  const targets: DeleteTarget[] = names.map((name) => ({ name }));
  const outcomes = await deleteInBackground(targets, visit.netnsFd);
  return outcomes.map((error) => (isAbsent(error) ? undefined : error));
}

/** False when the group could not go as a whole; then none of it did. */
export async function deleteTogether(visit: Visit, names: readonly string[]): Promise<boolean> {
  const doomed = new Set(names);
  const changes = [];
  for (const { name = '', group } of visit.conversation.dump(encodeDumpLinks(), decodeLink)) {
    if (doomed.has(name)) changes.push(encodeSetLink({ name, group: DOOMED_LINK_GROUP }));
    // Doomed by a process that died before it could delete: nobody wants it gone any more.
    else if (group === DOOMED_LINK_GROUP) changes.push(encodeSetLink({ name, group: 0 }));
  }
  if (visit.conversation.batch(changes).some((error) => error && !isAbsent(error))) return false;
  const [error] = await deleteInBackground([{ group: DOOMED_LINK_GROUP }], visit.netnsFd);
  return error === undefined || isAbsent(error);
}
