import { fault, take } from '#model/fault.ts';
import { isId } from '#model/id.ts';
import { type Family, familyOf, type Ip, parseIp } from '#model/ip.ts';
import { type Mac, parseMac } from '#model/mac.ts';
import { foldName, parseInterfaceName, parseName } from '#model/name.ts';
import { ENDPOINT_RUNTIMES, type EndpointRuntime } from '#model/records.ts';
import type { AttachEndpoint } from '#model/wish.ts';
import type { Faults } from './faults.ts';
import { parseContainerId, readChoice, readEach, readName } from './read-field.ts';

export const MAX_ALIASES = 64;

/** What an attach asks for, as far as it can be judged without looking at records. */
export interface EndpointRequest {
  readonly runtime?: EndpointRuntime;
  readonly containerId?: string;
  /** Undefined like `mac` when left open, or faulty. */
  readonly interface?: string;
  readonly name?: string;
  readonly aliases: readonly string[];
  readonly mac?: Mac;
  readonly addresses: ReadonlyMap<Family, Ip>;
}

/** Reads all fields; a fault for each that is wrong. */
export function readEndpoint(faults: Faults, wish: AttachEndpoint): EndpointRequest {
  const { invalid } = faults;
  const containerId = take(invalid, 'container-id', wish.containerId, parseContainerId(wish.containerId));
  return {
    runtime: readChoice(faults, 'runtime', wish.runtime, ENDPOINT_RUNTIMES),
    containerId,
    interface:
      wish.interface === undefined
        ? undefined
        : take(invalid, 'interface', wish.interface, parseInterfaceName(wish.interface)),
    name:
      wish.name === undefined
        ? containerId && nameAfter(faults, containerId)
        : readName(faults, 'name', wish.name, parseName),
    aliases: readAliases(faults, wish.aliases),
    mac: wish.mac === undefined ? undefined : take(invalid, 'mac', wish.mac, parseMac(wish.mac)),
    addresses: readAddresses(faults, wish.addresses),
  };
}

/** `/run/netns/web` → `web`: the last part of the path, made a valid name. */
function nameAfter(faults: Faults, containerId: string): string | undefined {
  const last = containerId.replace(/\/+$/, '').split('/').at(-1)!;
  const name = last
    .replaceAll(/[^A-Za-z0-9_.-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 128);
  if (parseName(name).ok && !isId(name.toUpperCase())) return name;
  faults.invalid.push(
    fault('name', '', `is left out, and container id ${containerId.slice(0, 40)} gives none`, 'give --name'),
  );
  return undefined;
}

function readAliases(faults: Faults, values: readonly string[]): string[] {
  if (values.length > MAX_ALIASES) {
    const fix = `give at most ${MAX_ALIASES}`;
    faults.invalid.push(fault('alias', values[MAX_ALIASES], `is one of ${values.length} aliases`, fix));
    return [];
  }
  const aliases = readEach(faults.invalid, 'alias', values, parseName);
  const folded = aliases.map(foldName);
  return aliases.filter((_, i) => folded.indexOf(folded[i]!) === i);
}

/** At most one of each family. */
export function readAddresses(faults: Faults, values: readonly string[]): Map<Family, Ip> {
  const addresses = new Map<Family, Ip>();
  for (const ip of readEach(faults.invalid, 'ip', values, parseIp)) {
    const family = familyOf(ip);
    const other = addresses.get(family);
    if (other) {
      const fix = `give at most one IPv${family} address`;
      faults.invalid.push(fault('ip', ip, `comes beside ${other}`, fix));
    } else addresses.set(family, ip);
  }
  return addresses;
}
