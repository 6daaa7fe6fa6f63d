import { parseCidr } from '#model/cidr.ts';
import { fault, isRejection, type Rejection, take } from '#model/fault.ts';
import { createId, type Id, parseId } from '#model/id.ts';
import { type Ip, parseIp } from '#model/ip.ts';
import { parseHostName, parseInterfaceName } from '#model/name.ts';
import { type Host, type HostFacts, put } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { RegisterHost } from '#model/wish.ts';
import { type Admitted, admitted, type Chance } from './admitted.ts';
import { complete, type Faults, noFaults } from './faults.ts';
import { readLabels } from './labels.ts';
import { readEach, readName, readWholeNumber } from './read-field.ts';
import { specialMembership } from './special-range.ts';

/** The smallest and largest an IPv4 link can have (RFC 791, 3.1; 16-bit length). */
const [MIN_MTU, MAX_MTU] = [576, 65_535];
const MAX_PORT = 65_535;

/**
 * A new host, or news of a known one (by its id). Idempotent: the same again changes nothing, in whatever order
 * ports, routes and labels come.
 */
export function registerHost(
  wish: RegisterHost,
  snapshot: SnapshotView,
  chance: Chance,
): Admitted | Rejection {
  const faults = noFaults();
  const id = readHostId(faults, wish, chance);
  const fields = complete(faults, {
    id,
    name: readHostName(faults, wish.name, id, snapshot),
    underlay: readUnderlay(faults, wish.underlay, id, snapshot),
    labels: sortLabels(readLabels(faults, wish.labels)),
    facts: readFacts(faults, wish.facts),
  });
  if (isRejection(fields)) return fields;
  const known = snapshot.hosts.get(fields.id);
  const host: Host = { kind: 'host', epoch: known?.epoch ?? 1, ...fields };
  return admitted(known && sameHost(known, host) ? [] : [put(host)], host);
}

/** Hosts name themselves before they first register, so that a lost answer costs nothing; others get an id. */
function readHostId(faults: Faults, { id }: RegisterHost, { now, entropy }: Chance): Id | undefined {
  return id === undefined ? createId(now, entropy) : take(faults.invalid, 'id', id, parseId(id));
}

function readHostName(
  faults: Faults,
  value: string,
  self: Id | undefined,
  snapshot: SnapshotView,
): string | undefined {
  const name = readName(faults, 'name', value, parseHostName);
  const holder = name && snapshot.hostNamed(name);
  if (holder && holder.id !== self) {
    const problem = `is taken by another host (underlay ${holder.underlay.join(', ')})`;
    const fix = `choose another name or, if that host is gone, run \`weft host rm ${holder.name}\` on the controller`;
    faults.conflict.push(fault('name', value, problem, fix));
  }
  return name;
}

/** As many as the wire takes: a host that its followers cannot read would end their sessions. */
const MAX_UNDERLAY = 64;

function readUnderlay(
  faults: Faults,
  values: readonly string[],
  self: Id | undefined,
  snapshot: SnapshotView,
): Ip[] {
  const underlay = new Set(readEach(faults.invalid, 'underlay', values, parseIp));
  // A known one may have lost those that it had, and have none yet that is not another's.
  if (values.length === 0 && !(self && snapshot.hosts.has(self))) {
    const fix = 'give the address or interface that reaches the other hosts';
    faults.invalid.push(fault('underlay', '', 'a host needs at least one address for its tunnels', fix));
  }
  if (underlay.size > MAX_UNDERLAY) {
    const fix = 'give those by which other hosts reach this one';
    faults.invalid.push(fault('underlay', underlay.size, `are more than ${MAX_UNDERLAY}`, fix));
  }
  for (const ip of underlay) {
    const special = specialMembership(ip);
    const fix = 'give the address by which other hosts reach this one';
    if (special) faults.invalid.push(fault('underlay', ip, special, fix));
  }
  for (const host of snapshot.hosts.values()) {
    if (host.id !== self) checkUnshared(faults, underlay, host);
  }
  return [...underlay];
}

/** Two hosts behind one VTEP address would get each other's frames. */
function checkUnshared(faults: Faults, underlay: ReadonlySet<Ip>, other: Host): void {
  for (const ip of other.underlay) {
    if (!underlay.has(ip)) continue;
    const fix = `give another address or, if that host is gone, run \`weft host rm ${other.name}\``;
    faults.conflict.push(fault('underlay', ip, `is taken by host ${other.name}`, fix));
  }
}

/** Lists in one order and without repetition, so that equal facts are equal text. */
function readFacts(faults: Faults, facts: RegisterHost['facts']): HostFacts | undefined {
  const underlayMtu = readWholeNumber(faults, 'underlay-mtu', facts.underlayMtu, MIN_MTU, MAX_MTU);
  const ports = facts.takenPorts.flatMap(
    (port) => readWholeNumber(faults, 'taken-ports', port, 1, MAX_PORT) ?? [],
  );
  const routes = readEach(faults.invalid, 'routes', facts.routes, parseCidr);
  const underlayInterfaces = readEach(
    faults.invalid,
    'underlay-interfaces',
    facts.underlayInterfaces,
    parseInterfaceName,
  );
  if (underlayMtu === undefined) return undefined;
  const takenPorts = [...new Set(ports)].sort((a, b) => a - b);
  return { underlayMtu, takenPorts, routes: [...new Set(routes)].sort(), underlayInterfaces };
}

const sortLabels = (labels: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Compares what a wish can change; a stored host may list its keys in another order, or lack the newest. */
function sameHost(a: Host, b: Host): boolean {
  const text = ({ name, underlay, labels, facts }: Host) =>
    JSON.stringify([
      ...[name, underlay, sortLabels(labels), facts.underlayMtu, facts.takenPorts, facts.routes],
      facts.underlayInterfaces,
    ]);
  return text(a) === text(b);
}
