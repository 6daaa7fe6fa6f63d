import { type Id, isId } from '#model/id.ts';
import type { Notice } from '#model/notice.ts';
import type { Endpoint } from '#model/records.ts';
import type { AgentState } from './state.ts';

/*
 * What the controller took away is said until somebody has done something about it: its container is in the network
 * again, or its id was detached once more, as the notice says.
 */

export const revokedNotices = ({ revoked }: AgentState): Notice[] => [...revoked.values()].map(revokedNotice);

const revokedNotice = ({ id, name, runtime }: Endpoint): Notice => ({
  code: 'endpoint-revoked',
  title: 'An endpoint was taken away',
  sentence: `The controller has endpoint ${name} (${id}) no more; ${runtime === 'host' ? 'this host itself' : 'its container'} is off the network.`,
  next: `${runtime === 'host' ? 'expose the network here' : 'attach the container'} again; if that was meant, \`weft endpoint detach ${id}\` ends this notice.`,
});

/** The container is back, under whatever id. */
export function noteBack({ revoked }: AgentState, { network, runtime, containerId }: Endpoint): void {
  for (const [id, lost] of revoked)
    if (lost.network === network && lost.runtime === runtime && lost.containerId === containerId)
      revoked.delete(id);
}

/** True when somebody has taken note of one just now. */
export const takeNote = ({ revoked }: AgentState, endpoint: string | undefined): boolean =>
  endpoint !== undefined && isId(endpoint) && revoked.delete(endpoint as Id);
