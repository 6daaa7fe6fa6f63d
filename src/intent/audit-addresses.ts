import type { HostStatus } from '#model/host-status.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { auditBlocks } from './audit-blocks.ts';
import { auditEndpoints } from './audit-endpoints.ts';
import { explained, type Finding, nameOf } from './finding.ts';

/**
 * Holds all records of addresses against each other, and against what hosts say of their containers. Admission keeps
 * them sound: what is found here came by a defect, a restored store, or a wish that was given up half way. Costs
 * O(endpoints + blocks · log blocks).
 */
export const auditAddresses = (snapshot: SnapshotView, statuses: readonly HostStatus[] = []): Finding[] => [
  ...auditEndpoints(snapshot),
  ...auditBlocks(snapshot),
  ...statuses.flatMap((status) => goneContainers(status, snapshot)),
];

/** Whether a container comes back is not for the controller to say. */
const goneContainers = ({ host, notices }: HostStatus, snapshot: SnapshotView): Finding[] =>
  notices
    .filter(({ code }) => code === 'namespace-gone')
    .map(({ sentence, next }) =>
      explained(
        'container-gone',
        `Host ${nameOf(snapshot, host)} says: ${sentence}`,
        `on that host: ${next}`,
      ),
    );
