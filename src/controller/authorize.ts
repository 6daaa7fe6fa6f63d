import type { Principal } from '#api/principal.ts';
import { fault, type Rejection, reject } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import { foldName } from '#model/name.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { Wish } from '#model/wish.ts';

/**
 * Whether that principal may wish that: an operator everything, a host what concerns itself alone, and networks,
 * which `weft` on a host asks for through its agent. A wish about a thing that is not there passes: admission says so.
 */
export function authorize(principal: Principal, wish: Wish, snapshot: SnapshotView): Rejection | undefined {
  if (principal.role === 'operator') return undefined;
  if (NOT_FOR_HOSTS.has(wish.wish)) return refuseHost(principal, wish.wish);
  // The id may be another's, whose name, tunnels and endpoints it would then have.
  const known =
    wish.wish === 'register-host' && wish.id ? snapshot.hosts.get(wish.id as Id)?.name : undefined;
  if (known !== undefined && authorizeHost(principal, known)) return refuseOtherName(principal, known);
  const concerned = concernedHost(wish, snapshot);
  return concerned === undefined ? undefined : authorizeHost(principal, concerned);
}

const NOT_FOR_HOSTS: ReadonlySet<Wish['wish']> = new Set([
  'free-block',
  'advance-change',
  'repair-addresses',
]);

/** What concerns the whole cluster is not for a host to ask. */
export const refuseHost = ({ name }: Principal, wish: string): Rejection =>
  reject('forbidden', fault('principal', name, `is a host, and may not ${wish}`, 'ask as an operator'));

/** A host may speak for itself only. */
export function authorizeHost(principal: Principal, host: string): Rejection | undefined {
  if (principal.role === 'operator' || foldName(principal.name) === foldName(host)) return undefined;
  return reject(
    'forbidden',
    fault('host', host, `is not ${principal.name}, who asks`, 'ask from that host, or as an operator'),
  );
}

/** Its agent was given another name, or the state of another machine's. */
const refuseOtherName = ({ name }: Principal, known: string): Rejection =>
  reject(
    'forbidden',
    fault(
      'name',
      name,
      `is not what this host is registered as, which is ${known}`,
      `start its agent with --name ${known}; to have another, end it, and take \`weft agent reset\` here and \`weft host evict ${known}\`, \`weft host rm ${known}\` elsewhere first`,
    ),
  );

function concernedHost(wish: Wish, snapshot: SnapshotView): string | undefined {
  switch (wish.wish) {
    case 'register-host':
      return wish.name;
    case 'remove-host':
    case 'evict-host':
    case 'acquire-blocks':
    case 'return-blocks':
    case 'attach-endpoint':
    case 'adopt-bridge':
    case 'disown-bridge':
    case 'expose-network':
    case 'hide-network':
      return nameOfHost(wish.host, snapshot);
    case 'publish-endpoint':
      return nameOfHost(wish.endpoint.host, snapshot);
    case 'detach-endpoint': {
      const endpoint = snapshot.endpoints.get(wish.endpoint);
      return endpoint && nameOfHost(endpoint.host, snapshot);
    }
    case 'publish-stations': {
      const adoption = snapshot.adoptions.get(wish.adoption);
      return adoption && nameOfHost(adoption.host, snapshot);
    }
    case 'create-network':
    case 'change-network':
    case 'advance-change':
    case 'remove-network':
    case 'add-peer':
    case 'remove-peer':
    case 'free-block':
    case 'repair-addresses':
    case 'publish-port':
    case 'unpublish-port':
      return undefined;
  }
}

/** Of a name or an id. */
const nameOfHost = (host: string, snapshot: SnapshotView): string =>
  [...snapshot.hosts.values()].find((candidate) => candidate.id === host)?.name ?? host;
