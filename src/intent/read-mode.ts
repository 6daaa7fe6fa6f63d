import { fault } from '#model/fault.ts';
import { ADOPTING_MODES, TUNNEL_MODES, type TunnelMode } from '#model/tunnel-mode.ts';
import type { Faults } from './faults.ts';
import { listSome } from './list-some.ts';
import { readChoice } from './read-field.ts';

/** How the tunnels of a network learn; `adopts`: of one that joins others' bridges. */
export function readMode(faults: Faults, value: string, adopts = false): TunnelMode | undefined {
  const mode = readChoice(faults, 'mode', value, TUNNEL_MODES);
  if (mode === undefined || !adopts || ADOPTING_MODES.includes(mode)) return mode;
  const problem =
    mode === 'multicast'
      ? 'takes no frame larger than one packet of the underlay holds, and the containers of others’ bridges send such'
      : 'answers only for whom Weft knows, and behind others’ bridges that is not everybody';
  faults.invalid.push(fault('mode', mode, problem, `choose one of ${listSome(ADOPTING_MODES)}`));
  return undefined;
}
