import type { IsBarred } from '#intent/allocate-address.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Endpoint } from '#model/records.ts';
import { networkId, ungranted } from './attaching.ts';
import { restOf } from './rest.ts';
import type { AgentState, Hold } from './state.ts';

/* What is set aside (see hold.ts). */

export const holdKey = (network: string, ip: string): string => `${network} ${ip}`;

export const readHoldKey = (key: string): [network: Id, ip: Ip] => key.split(' ') as [Id, Ip];

/**
 * Nobody is given what rests, what is set aside, or what somebody waits for by name; nor gladly what may still be
 * remembered as another's.
 */
export function isBarred(state: AgentState): IsBarred {
  const { holds, resting } = state;
  const [rests, asked] = [restOf(state), askedFor(state)];
  // Asked of each address that is tried.
  return (network, ip) =>
    (holds.size > 0 && isSetAside(state, network, ip)) ||
    (asked.size > 0 && asked.has(holdKey(network, ip))) ||
    (resting.size > 0 && rests(network, ip));
}

function askedFor(state: AgentState): Set<string> {
  return new Set(
    ungranted(state).flatMap(([, { ask }]) => {
      const network = networkId(state, ask.words);
      return ask.words.addresses.map((ip) => holdKey(network, ip));
    }),
  );
}

export const isSetAside = ({ holds }: AgentState, network: string, ip: string): boolean =>
  holds.has(holdKey(network, ip));

/** An endpoint that is only there for an address that is set aside, as the controller granted it. */
export const heldEndpoint = ({ holds }: AgentState, id: Id): Endpoint | undefined =>
  [...holds.values()].find(({ grant }) => grant?.endpoint.id === id)?.grant?.endpoint;

/** All that is set aside in a network. */
export const heldIn = ({ holds }: AgentState, network: string): string[] =>
  [...holds.keys()].flatMap((key) => (key.startsWith(`${network} `) ? key.slice(network.length + 1) : []));

/** What the controller granted for one of these addresses, and when. */
export const grantedFor = (
  { holds }: AgentState,
  network: string,
  addresses: readonly string[],
): NonNullable<Hold['grant']> | undefined =>
  addresses.flatMap((ip) => holds.get(holdKey(network, ip))?.grant ?? [])[0];
