import { describeEndpoint } from '#intent/find-record.ts';
import { formatMapping } from '#intent/publications.ts';
import type { Id } from '#model/id.ts';
import type { Notice } from '#model/notice.ts';
import type { Endpoint, Publication } from '#model/records.ts';
import type { AgentEffect, PortFinding } from './event.ts';
import { missingAddressNotice } from './missing-address.ts';
import { renewNotices } from './report.ts';
import type { AgentState } from './state.ts';

/*
 * What comes for a published port goes to the endpoint before any program of the host sees it. `weft publish` on the
 * host itself refuses a port that a program has (check-port.ts); wished for elsewhere, or with a program that came
 * later, it is told.
 */

/** It reads the table of all sockets. */
const LOOK_INTERVAL_MS = 5_000;

/** As far as anything is wished. */
const ownPublications = ({ view, host, wishesNothing }: AgentState): Publication[] =>
  wishesNothing ? [] : [...view.publications.values()].filter((publication) => publication.host === host);

/** Now and then, while there are publications on this host; of a new one at once. */
export function findPortHolders(state: AgentState): AgentEffect[] {
  const { portHolders } = state;
  const publications = ownPublications(state);
  const isNew = publications.some(({ id }) => !portHolders.holders.has(id));
  const isDue = isNew || (publications.length > 0 && state.nowMs >= portHolders.nextMs);
  if (!isDue || portHolders.isLooking) return [];
  state.portHolders = { ...portHolders, isLooking: true };
  return [{ effect: 'find-port-holders', publications }];
}

export function notePortHolders(state: AgentState, holders: ReadonlyMap<Id, PortFinding>): AgentEffect[] {
  state.portHolders = { holders, nextMs: state.nowMs + LOOK_INTERVAL_MS, isLooking: false };
  return renewNotices(state);
}

export function publishedPortNotices(state: AgentState): Notice[] {
  const { view, portHolders } = state;
  return ownPublications(state).flatMap((publication): Notice[] => {
    const { holder, lacksAddress } = portHolders.holders.get(publication.id) ?? {};
    const endpoint = view.endpoints.get(publication.endpoint);
    if (!endpoint) return [];
    return [
      ...(holder === undefined ? [] : [takenPortNotice(state, publication, endpoint, holder)]),
      ...(lacksAddress ? [missingAddressNotice(view, endpoint, publication)] : []),
    ];
  });
}

function takenPortNotice(
  { view, host }: AgentState,
  publication: Publication,
  endpoint: Endpoint,
  holder: string,
): Notice {
  const { hostPort, protocol } = publication;
  const name = view.hosts.get(host)?.name ?? host;
  return {
    code: 'port-taken',
    title: 'A published port that a program has, too',
    sentence: `Port ${hostPort}/${protocol} of ${name} is published for ${describeEndpoint(view, endpoint)}, and ${holder} has it: what comes for it goes to the endpoint, and the program hears nothing.`,
    next: `stop that program or give it another port; or \`weft unpublish ${endpoint.name} ${formatMapping(publication)}\` and publish another one.`,
  };
}
