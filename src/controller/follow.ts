import type { FollowMessage } from '#api/follow-message.ts';
import type { Id } from '#model/id.ts';
import { type Change, put, type RecordRef, remove, type StoredRecord } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';

/** One agent that follows: what it knows is what concerns its host, and of all networks the records themselves. */
export interface Session {
  readonly host: Id;
  /** Networks in which the host has an endpoint, a block or an adopted bridge: of these it knows all. */
  networks: ReadonlySet<Id>;
  /** Itself and the members of those networks. */
  hosts: ReadonlySet<Id>;
}

/** What a commit touched: the record before and after; one of them may be missing. */
export interface Touched {
  readonly before?: StoredRecord;
  readonly after?: StoredRecord;
}

/** Must be called before the changes are applied. */
export const touchedBy = (changes: readonly Change[], before: SnapshotView): Touched[] =>
  changes.map((change) =>
    change.verb === 'put'
      ? { before: before.get(change.record), after: change.record }
      : { before: before.get(change.ref) },
  );

/** A new session and all that its host must know. */
export function beginFollow(snapshot: SnapshotView, host: Id): { session: Session; first: FollowMessage } {
  const networks = networksOf(snapshot, host);
  const hosts = hostsOf(snapshot, host, networks);
  const session = { host, networks, hosts };
  const records = [
    ...[...hosts].flatMap((id) => snapshot.hosts.get(id) ?? []),
    ...snapshot.networks.values(),
    ...[...networks].flatMap((id) => recordsOfNetwork(snapshot, id, host)),
  ];
  const { revision, lives } = snapshot;
  return { session, first: { message: 'snapshot', records, revision, lives } };
}

/** What that host must hear of a commit; the snapshot is the one after it. Changes the session's interest. */
export function continueFollow(
  session: Session,
  touched: readonly Touched[],
  snapshot: SnapshotView,
): FollowMessage | undefined {
  const { host, networks: oldNetworks, hosts: oldHosts } = session;
  if (touched.some((record) => movesInterest(record, session))) {
    session.networks = networksOf(snapshot, host);
    session.hosts = hostsOf(snapshot, host, session.networks);
  }
  const { networks, hosts } = session;
  const joined = [...networks].filter((id) => !oldNetworks.has(id));
  const forgottenNetworks = [...oldNetworks].filter((id) => !networks.has(id));
  const changes: Change[] = [
    ...[...hosts].filter((id) => !oldHosts.has(id)).flatMap((id) => putIfThere(snapshot.hosts.get(id))),
    // With it, that a network was joined is told in one word with all that is in it.
    ...joined.flatMap((id) => [
      ...putIfThere(snapshot.networks.get(id)),
      ...recordsOfNetwork(snapshot, id, host).map(put),
    ]),
    // What is forgotten goes whole: the record of a network that still is comes again.
    ...forgottenNetworks.flatMap((id) => putIfThere(snapshot.networks.get(id))),
    ...touched.flatMap((record) => changeFor(record, session, oldNetworks)),
    ...[...oldHosts].filter((id) => !hosts.has(id)).map((id) => remove({ kind: 'host', id })),
  ];
  if (changes.length + forgottenNetworks.length === 0) return undefined;
  return { message: 'delta', changes, forgottenNetworks, revision: snapshot.revision };
}

const putIfThere = (record: StoredRecord | undefined): Change[] => (record ? [put(record)] : []);

/** Endpoints, blocks, adopted bridges and exposures decide who takes part where; nothing else changes what a host must know about. */
const movesInterest = ({ before, after }: Touched, { host, networks }: Session): boolean =>
  [before, after].some(
    (record) =>
      record !== undefined &&
      'host' in record &&
      record.kind !== 'publication' &&
      (record.host === host || networks.has(record.network)),
  );

function changeFor({ before, after }: Touched, session: Session, oldNetworks: ReadonlySet<Id>): Change[] {
  const record = (after ?? before)!;
  if (record.kind === 'host') return session.hosts.has(record.id) && after ? [put(after)] : [];
  const network = record.kind === 'network' ? record.id : record.network;
  const [isIn, wasIn] = [session.networks.has(network), oldNetworks.has(network)];
  if (record.kind === 'network' && !isIn && !wasIn) return [after ? put(after) : remove(record)];
  // A network that was joined just now came whole; one that was left goes whole.
  if (!isIn || !wasIn) return [];
  if (record.kind === 'block' && record.host !== session.host) return [];
  return after ? [put(after)] : [remove(record as RecordRef)];
}

function networksOf(snapshot: SnapshotView, host: Id): Set<Id> {
  const networks = new Set<Id>();
  for (const id of snapshot.networks.keys()) {
    const { blocks, endpointCount } = snapshot.inNetwork(id);
    if (endpointCount.has(host) || [...blocks.values()].some((block) => block.host === host))
      networks.add(id);
  }
  return networks;
}

function hostsOf(snapshot: SnapshotView, host: Id, networks: ReadonlySet<Id>): Set<Id> {
  const hosts = new Set<Id>([host]);
  for (const network of networks)
    for (const member of snapshot.inNetwork(network).endpointCount.keys()) hosts.add(member);
  return hosts;
}

function recordsOfNetwork(snapshot: SnapshotView, network: Id, host: Id): StoredRecord[] {
  const { blocks, endpoints, adoptions, peers, exposures, publications } = snapshot.inNetwork(network);
  const own = [...blocks.values()].filter((block) => block.host === host);
  return [own, endpoints, adoptions, peers, exposures, publications].flatMap((each) => [...each.values()]);
}
