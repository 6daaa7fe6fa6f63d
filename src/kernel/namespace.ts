import { constants } from 'node:os';
import type { NamespaceName } from '#model/kernel-state.ts';
import { close } from '#netlink/libc.ts';
import { createNamedNamespace, deleteNamedNamespace, namedNamespacePath } from '#netlink/named-namespace.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { openNamespace } from '#netlink/open-namespace.ts';
import { decodeLink, encodeDumpLinks } from '#netlink/route/link.ts';
import { deleteTogether } from './delete-links.ts';
import { isAbsent, type Visits } from './visit.ts';

/** `ip netns add weft-…`. Idempotent; a file of that name that is no namespace (we died while making it) is replaced. */
export async function addNamespace(ns: NamespaceName): Promise<void> {
  try {
    createNamedNamespace(ns);
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.errno !== constants.errno.EEXIST) throw error;
    const there = openNamespace(namedNamespacePath(ns));
    if (typeof there !== 'string') {
      close(there.fd);
      return;
    }
    await deleteNamedNamespace(ns);
    createNamedNamespace(ns);
  }
}

/**
 * `ip netns del weft-…`, with everything in it. Idempotent. The kernel takes a namespace apart some time after its
 * name is gone; until then its VNI stays taken, and the containers keep the ends of its pairs. So the devices go first.
 */
export async function deleteNamespace(visits: Visits, ns: NamespaceName): Promise<void> {
  try {
    const visit = visits.to(ns);
    const links = visit.conversation.dump(encodeDumpLinks(), decodeLink);
    const names = links.filter(({ kind }) => MADE_KINDS.has(kind ?? '')).map(({ name }) => name ?? '');
    if (names.length > 0) await deleteTogether(visit, names);
    visits.leave(ns);
    visits.forgetIndexes();
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  await deleteNamedNamespace(ns);
}

/** The kernel's own devices (`lo`, `sit0`) cannot be deleted, and would keep the others of a group from going. */
const MADE_KINDS: ReadonlySet<string> = new Set(['vxlan', 'veth', 'bridge', 'macvlan']);
