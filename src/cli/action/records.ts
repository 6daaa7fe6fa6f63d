import type { Client } from '@connectrpc/connect';
import type { ControllerService, ListHostStatusResponse } from '#api/gen/weft/v1/controller_pb.ts';
import type {
  Adoption,
  Block,
  Endpoint,
  Exposure,
  Host,
  Network,
  Peer,
  Publication,
} from '#api/gen/weft/v1/records_pb.ts';
import type { RecordKind } from '#model/records.ts';
import { notFound } from '../cli-error.ts';
import { type CallOptions, QUESTION } from '../session.ts';

/** The records as of one revision, as they came over the wire, each kind in the order of names. */
export interface Records {
  readonly revision: bigint;
  readonly hosts: readonly Host[];
  readonly networks: readonly Network[];
  readonly blocks: readonly Block[];
  readonly endpoints: readonly Endpoint[];
  readonly adoptions: readonly Adoption[];
  readonly peers: readonly Peer[];
  readonly exposures: readonly Exposure[];
  readonly publications: readonly Publication[];
}

export async function readRecords(
  { controller }: { readonly controller: Client<typeof ControllerService> },
  kinds: readonly RecordKind[],
  call: CallOptions = QUESTION,
): Promise<Records> {
  const { revision, records } = await controller.listRecords({ kinds: [...kinds] }, call);
  const of = <K extends RecordKind>(kind: K) =>
    records.flatMap(({ record }) => (record.case === kind ? [record.value] : [])) as never[];
  const byName = (a: { name: string; id: string }, b: { name: string; id: string }) =>
    a.name.localeCompare(b.name, 'en', { numeric: true }) || a.id.localeCompare(b.id);
  return {
    revision,
    hosts: of('host').sort(byName),
    networks: of('network').sort(byName),
    blocks: of('block'),
    endpoints: of('endpoint').sort(byName),
    adoptions: of('adoption'),
    peers: of('peer').sort(byName),
    exposures: of('exposure'),
    publications: of('publication'),
  };
}

/** What every host said last. */
export const readStatuses = (
  { controller }: { readonly controller: Client<typeof ControllerService> },
  call: CallOptions = QUESTION,
): Promise<ListHostStatusResponse> => controller.listHostStatus({}, call);

/** The record of that name (case does not count) or id; throws when there is none. */
export function findRecord<R extends { readonly id: string; readonly name: string }>(
  kind: 'host' | 'network',
  records: readonly R[],
  nameOrId: string,
): R {
  const folded = nameOrId.toLowerCase();
  const found = records.find(({ id, name }) => id === nameOrId || name.toLowerCase() === folded);
  if (!found)
    throw notFound(
      kind,
      nameOrId,
      records.map(({ name }) => name),
    );
  return found;
}

/** Names for ids; what is not there any more shows as its id. */
export function namesById(
  records: readonly { readonly id: string; readonly name: string }[],
): (id: string) => string {
  const names = new Map(records.map(({ id, name }) => [id, name]));
  return (id) => names.get(id) ?? id;
}

/** How many of the records share a key. */
export function countBy<R>(records: readonly R[], key: (record: R) => string): (key: string) => number {
  const counts = new Map<string, number>();
  for (const record of records) counts.set(key(record), (counts.get(key(record)) ?? 0) + 1);
  return (of) => counts.get(of) ?? 0;
}
