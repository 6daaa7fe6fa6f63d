import { setTimeout as sleep } from 'node:timers/promises';
import { networkCalled } from '#intent/find-record.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { RemoveNetwork } from '#model/wish.ts';

/** A host answers a detach when it has it on disk, and tells of it within a tenth of a second: some of them together. */
const TELLING_MS = 250;
const PAUSE_MS = 10;

/** Who detached a network's endpoints on their hosts may remove it at once: what is still to be told is waited for. */
export async function awaitDetaches(snapshot: SnapshotView, { network: text }: RemoveNetwork): Promise<void> {
  const network = networkCalled(snapshot, text);
  for (let waitedMs = 0; network && waitedMs < TELLING_MS; waitedMs += PAUSE_MS) {
    if (snapshot.inNetwork(network.id).endpoints.size === 0) return;
    await sleep(PAUSE_MS);
  }
}
