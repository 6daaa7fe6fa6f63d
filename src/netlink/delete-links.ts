import { type Outcome, openConversation } from './conversation.ts';
import { encodeDeleteLink, encodeDeleteLinkGroup, type LinkTarget } from './route/link.ts';

/** One link, or all links of a group. */
export type DeleteTarget = LinkTarget | { group: number };

/**
 * Deletes links in the namespace behind `netnsFd` (default: this thread's) off the main thread, one after the other;
 * outcomes are in the order of `targets`, ENODEV for what is absent. The kernel sleeps some 16 ms per target while RCU
 * readers leave, so a whole group costs as much as one link. `netnsFd` may be closed as soon as this has returned.
 */
export function deleteLinks(targets: readonly DeleteTarget[], netnsFd?: number): Promise<Outcome[]> {
  const requests = targets.map((target) =>
    'group' in target ? encodeDeleteLinkGroup(target.group) : encodeDeleteLink(target),
  );
  const conversation = openConversation(netnsFd);
  const outcomes = queue.then(() => conversation.batchInBackground(requests));
  queue = outcomes.catch(() => {}).finally(() => conversation.close());
  return outcomes;
}

/** At most one at a time: libuv's pool has four threads, and file access needs them too. */
let queue: Promise<unknown> = Promise.resolve();
