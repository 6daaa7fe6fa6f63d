import { fault, take } from '#model/fault.ts';
import { type Ip, parseIp } from '#model/ip.ts';
import { TRANSPORTS } from '#model/records.ts';
import type { Faults } from './faults.ts';
import type { Mapping } from './publications.ts';
import { readChoice, readWholeNumber } from './read-field.ts';

const FORM = /^(?:(\[[^\]]*\]|[^:[\]]*):)?(\d+):(\d+)(?:\/(\w+))?$/;
const MAX_PORT = 65_535;
/** What Docker takes for "no address in particular". */
const ANY: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** `[HOSTIP:]PORT:PORT[/tcp|/udp]`, as Docker's own -p has it; every wrong part is a fault. */
export function readMapping(faults: Faults, text: string): Mapping | undefined {
  const [, address, hostPort = '', port = '', word = 'tcp'] = FORM.exec(text) ?? [];
  if (port === '') {
    const fix = 'write it like 8080:80, 192.0.2.1:8080:80 or [2001:db8::1]:53:53/udp';
    faults.invalid.push(fault('port', text, 'is not [HOSTIP:]PORT:PORT[/tcp|/udp]', fix));
    return undefined;
  }
  const bare = address?.replace(/^\[|\]$/g, '');
  const ip = bare === undefined ? undefined : take(faults.invalid, 'port', bare, parseIp(bare));
  const read = {
    hostPort: readPortNumber(faults, hostPort),
    port: readPortNumber(faults, port),
    protocol: readChoice(faults, 'port', word, TRANSPORTS),
  };
  if (!read.hostPort || !read.port || !read.protocol || (bare !== undefined && !ip)) return undefined;
  return { ...(read as Mapping), ...(ip && !ANY.has(ip) && { hostAddress: ip as Ip }) };
}

/** Of digits; what is longer than any port is refused as it was written, not as `1e+23`. */
const readPortNumber = (faults: Faults, digits: string): number | undefined => {
  const number = Number(digits);
  return readWholeNumber(faults, 'port', Number.isSafeInteger(number) ? number : digits, 1, MAX_PORT);
};
