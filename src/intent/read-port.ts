import { fault } from '#model/fault.ts';
import type { Host } from '#model/records.ts';
import type { Faults } from './faults.ts';
import { listSome } from './list-some.ts';
import { readWholeNumber } from './read-field.ts';

/** IANA's port for VXLAN (RFC 7348, 8.1). */
export const DEFAULT_PORT = 4789;
const MAX_PORT = 65_535;

/** A UDP port that no other program on these hosts holds. */
export function readPort(faults: Faults, value: number, hosts: readonly Host[]): number | undefined {
  const port = readWholeNumber(faults, 'port', value, 1, MAX_PORT);
  if (port === undefined) return undefined;
  const takenOn = (each: number) => hosts.filter((host) => host.facts.takenPorts.includes(each));
  const holders = takenOn(port).map((host) => host.name);
  if (holders.length > 0) {
    let free = DEFAULT_PORT;
    while (free < MAX_PORT && takenOn(free).length > 0) free++;
    const where = `${holders.length === 1 ? 'host' : 'hosts'} ${listSome(holders)}`;
    const problem = `is taken by another program on ${where}`;
    faults.conflict.push(fault('port', port, problem, `use a free UDP port, such as --port ${free}`));
  }
  return port;
}
