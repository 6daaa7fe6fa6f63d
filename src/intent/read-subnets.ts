import { type Cidr, cidrContains, cidrFamily, cidrsOverlap, parseCidr } from '#model/cidr.ts';
import { fault, take } from '#model/fault.ts';
import { FAMILIES, type Family, familyOf, type Ip, parseIp } from '#model/ip.ts';
import type { Subnet } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { CreateNetwork } from '#model/wish.ts';
import { isSpecific } from './allocate-subnet.ts';
import type { Faults } from './faults.ts';
import { listSome } from './list-some.ts';
import { specialOverlap } from './special-range.ts';
import { firstUsable, reservedAddresses, smallestPrefixLength, tooSmall } from './usable-addresses.ts';

/** The subnets that were asked for with their gateways, IPv4 first. Every fault in both lists is added. */
export function readSubnets(faults: Faults, wish: CreateNetwork, snapshot: SnapshotView): Subnet[] {
  const cidrs = new Map<Family, Cidr>();
  let unread = 0;
  for (const text of wish.subnets) {
    const cidr = take(faults.invalid, 'subnet', text, parseCidr(text));
    if (!cidr) unread++;
    else if (isOneOfItsFamily(faults, cidr, cidrs)) {
      cidrs.set(cidrFamily(cidr), cidr);
      if (isOrdinary(faults, cidr) && !wish.allowOverlap) checkRoutes(faults, cidr, snapshot);
    }
  }
  const gateways = readGateways(faults, wish.gateways, cidrs, unread > 0);
  return FAMILIES.flatMap((family) => {
    const cidr = cidrs.get(family);
    return cidr ? [{ cidr, gateway: gateways.get(family) ?? firstUsable(cidr) }] : [];
  });
}

function isOneOfItsFamily(faults: Faults, cidr: Cidr, cidrs: ReadonlyMap<Family, Cidr>): boolean {
  const other = cidrs.get(cidrFamily(cidr));
  if (!other) return true;
  const problem = cidrsOverlap(cidr, other) ? `overlaps ${other}, given too` : `comes beside ${other}`;
  const fix = `a network has at most one IPv${cidrFamily(cidr)} subnet: give one of the two`;
  faults.invalid.push(fault('subnet', cidr, problem, fix));
  return false;
}

function isOrdinary(faults: Faults, cidr: Cidr): boolean {
  const special = specialOverlap(cidr);
  const fix = 'choose a private range, such as 10.1.0.0/24 or fd00:1::/64';
  if (special) faults.invalid.push(fault('subnet', cidr, special, fix));
  const small = tooSmall(cidr);
  if (small) faults.invalid.push(fault('subnet', cidr, small, `use /${smallestPrefixLength(cidr)} or wider`));
  return !special && !small;
}

/** A container could not reach what its host reaches by that route, nor the other way round. */
function checkRoutes(faults: Faults, cidr: Cidr, snapshot: SnapshotView): void {
  const holders: string[] = [];
  for (const host of snapshot.hosts.values()) {
    const route = host.facts.routes.find((each) => isSpecific(each) && cidrsOverlap(each, cidr));
    if (route) holders.push(`${route} on host ${host.name}`);
  }
  if (holders.length === 0) return;
  const fix = 'choose another subnet, leave it out, or say --allow-overlap';
  faults.conflict.push(fault('subnet', cidr, `overlaps the route to ${listSome(holders)}`, fix));
}

function readGateways(
  faults: Faults,
  texts: readonly string[],
  cidrs: ReadonlyMap<Family, Cidr>,
  subnetUnread: boolean,
): Map<Family, Ip> {
  const gateways = new Map<Family, Ip>();
  for (const text of texts) {
    const gateway = take(faults.invalid, 'gateway', text, parseIp(text));
    if (!gateway) continue;
    const family = familyOf(gateway);
    const wrong = gatewayProblem(gateway, gateways.get(family), cidrs.get(family));
    // With an unread subnet it may well be that one's gateway: one fault is enough.
    const knownWrong = wrong && (cidrs.has(family) || !subnetUnread);
    if (knownWrong) faults.invalid.push(fault('gateway', text, ...wrong));
    gateways.set(family, gateway);
  }
  return gateways;
}

function gatewayProblem(
  gateway: Ip,
  other: Ip | undefined,
  cidr: Cidr | undefined,
): [problem: string, fix: string] | undefined {
  const family = familyOf(gateway);
  if (other) return [`comes beside ${other}`, `give one IPv${family} gateway`];
  if (!cidr) return [`has no IPv${family} subnet to be in`, 'give that subnet too, or leave the gateway out'];
  const fix = `use an address such as ${firstUsable(cidr)}, or leave it out`;
  if (!cidrContains(cidr, gateway)) return [`is outside the subnet ${cidr}`, fix];
  const reserved = reservedAddresses(cidr).get(gateway);
  return reserved ? [`${reserved} of ${cidr}`, fix] : undefined;
}
