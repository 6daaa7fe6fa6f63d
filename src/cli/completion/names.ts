import { readRecords } from '../action/records.ts';
import { type SessionOptions, withController } from '../session.ts';
import type { World } from '../world.ts';
import type { Candidate } from './complete.ts';

/** A Tab may wait this long, no longer. */
const TAB_TIMEOUT_MS = 1000;

/** The names that a controller knows now. */
export function readNames(
  world: World,
  options: SessionOptions,
  kind: 'network' | 'endpoint' | 'host' | 'peer',
): Promise<Candidate[]> {
  return withController(world, options, async (clients) => {
    const records = await readRecords(clients, [kind], { timeoutMs: TAB_TIMEOUT_MS });
    const named = {
      network: records.networks,
      endpoint: records.endpoints,
      host: records.hosts,
      peer: records.peers,
    }[kind];
    return [...new Set(named.map(({ name }) => name))].sort().map((value) => ({ value, description: kind }));
  });
}
