import { formatFault, type Rejection } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { OpResult } from '#model/kernel-op.ts';
import { notExposed } from '#model/not-exposed.ts';
import type { Notice } from '#model/notice.ts';
import { portName } from '#model/own.ts';
import type { Endpoint, Exposure } from '#model/records.ts';
import type { AgentEffect } from './event.ts';
import { type AgentState, liveAttachments } from './state.ts';

/* Networks that are exposed on this host: the host itself has an endpoint in each (see keep-exposed.ts). */

/** What was refused may be possible by now: an address is free, the controller is there. */
const RETRY_DELAY_MS = 5_000;

/** As far as anything is wished. */
export const ownExposures = ({ view, host, wishesNothing }: AgentState): Exposure[] =>
  wishesNothing ? [] : [...view.exposures.values()].filter((exposure) => exposure.host === host);

/** The host's own endpoints, by network. */
export const ownEndpoints = (state: AgentState): Map<Id, Endpoint> =>
  new Map(
    liveAttachments(state).flatMap(({ endpoint }) =>
      endpoint.runtime === 'host' ? [[endpoint.network, endpoint]] : [],
    ),
  );

/** A try has ended; nobody waits for it. */
export function noteExposed(state: AgentState, exposure: Id, refusal?: Rejection): AgentEffect[] {
  if (refusal) state.unexposed.set(exposure, { refusal, retryAtMs: state.nowMs + RETRY_DELAY_MS });
  else state.unexposed.delete(exposure);
  return [];
}

/** Why this host is not in a network that it should be in. */
export function unexposedNotices(state: AgentState): Notice[] {
  const own = ownEndpoints(state);
  return ownExposures(state).flatMap(({ id, network }): Notice[] => {
    const endpoint = own.get(network);
    const name = state.view.networks.get(network)?.name ?? network;
    const refused = endpoint && state.turn.failing.find((result) => concerns(result, endpoint));
    if (refused && !refused.ok)
      return [
        notExposed(
          name,
          `${refused.error.text} (${refused.error.errno}) is the answer to ${refused.error.command}`,
          `see whose interface ${endpoint.interface} is, or \`weft hide ${name}\`.`,
        ),
      ];
    const refusal = endpoint ? undefined : state.unexposed.get(id)?.refusal;
    return refusal
      ? [notExposed(name, refusal.faults.map(formatFault).join('; '), `\`weft hide ${name}\` gives it up.`)]
      : [];
  });
}

const concerns = ({ ok, op: { object } }: OpResult, { id, interface: dev }: Endpoint): boolean => {
  const device = object.kind === 'link' ? object.name : 'dev' in object ? object.dev : undefined;
  return !ok && (device === dev || device === portName(id));
};
