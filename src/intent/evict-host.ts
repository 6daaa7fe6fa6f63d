import { isRejection, type Rejection } from '#model/fault.ts';
import type { Notice } from '#model/notice.ts';
import { type Host, put, remove } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { EvictHost } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';
import { giveBack } from './exceptions.ts';
import { complete, noFaults } from './faults.ts';
import { findHost } from './find-record.ts';
import { isInUse } from './own-blocks.ts';

/**
 * A host that will not come back as it was: its epoch rises, its endpoints go (and with them its VTEP from every
 * FDB), and its blocks retire: nobody gives from them until all peers have applied that (see free-block.ts).
 * The host stays registered; should it return, it begins anew. Evicting it again changes nothing new.
 */
export function evictHost(wish: EvictHost, snapshot: SnapshotView): Admitted | Rejection {
  const faults = noFaults();
  const found = complete(faults, { host: findHost(faults, snapshot, wish.host) });
  if (isRejection(found)) return found;
  const host: Host = { ...found.host, epoch: found.host.epoch + 1 };
  const endpoints = [...snapshot.endpoints.on(host.id)];
  const adoptions = [...snapshot.adoptions.values()].filter((adoption) => adoption.host === host.id);
  const exposures = [...snapshot.exposures.values()].filter((exposure) => exposure.host === host.id);
  const publications = [...snapshot.publications.values()].filter((each) => each.host === host.id);
  const blocks = [...snapshot.blocks.values()].filter((block) => block.host === host.id && isInUse(block));
  const others = giveBack(snapshot, endpoints).filter((block) => block.host !== host.id);
  const retired = snapshot.revision + 1;
  return admitted(
    [
      put(host),
      ...endpoints.map(remove),
      ...adoptions.map(remove),
      ...exposures.map(remove),
      ...publications.map(remove),
      ...others.map(put),
      ...blocks.map((block) => put({ ...block, retired })),
    ],
    host,
    [notice(host, blocks.length, [...endpoints, ...adoptions, ...exposures, ...publications])],
  );
}

const NOUNS = {
  endpoint: 'endpoint(s)',
  adoption: 'adopted bridge(s)',
  exposure: 'exposed network(s)',
  publication: 'published port(s)',
} as const;

function notice({ name }: Host, blocks: number, gone: readonly { kind: keyof typeof NOUNS }[]): Notice {
  const kinds = (Object.keys(NOUNS) as (keyof typeof NOUNS)[]).map(
    (kind) => [kind, gone.filter((each) => each.kind === kind).length] as const,
  );
  const lost = kinds.filter(([kind, count]) => kind === 'endpoint' || count > 0);
  const others = lost.length > 1 ? ' The rest is to be adopted, exposed and published anew.' : '';
  return {
    code: 'host-evicted',
    title: 'The host is out',
    sentence: `Host ${name} lost ${lost.map(([kind, count]) => `${count} ${NOUNS[kind]}`).join(', ')}; ${blocks} block(s) rest until all peers have taken note.`,
    next: `Containers that still run there are cut off: attach them again once the host is back.${others}`,
  };
}
