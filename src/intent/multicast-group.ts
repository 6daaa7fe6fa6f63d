import { type Cidr, cidrContains } from '#model/cidr.ts';
import { fault } from '#model/fault.ts';
import { familyOf, type Ip, ipFromNumber, ipToNumber, parseIp } from '#model/ip.ts';
import { familyOfUnderlay, type UnderlayFamily } from '#model/records.ts';
import type { TunnelMode } from '#model/tunnel-mode.ts';
import type { Vni } from '#model/vni.ts';
import { FAMILY_TITLE } from './encapsulation.ts';
import type { Faults } from './faults.ts';

/**
 * What a group is chosen from, with room for every VNI: IPv4's administratively scoped block (RFC 2365), and IPv6's
 * group ids for who takes one without asking anybody (RFC 3307, 4.3), transient and of the organization's scope.
 */
const FIRST_GROUP = { ipv4: '239.0.0.0', ipv6: 'ff18::8000:0' } as { readonly [F in UnderlayFamily]: Ip };

const MULTICAST = { ipv4: '224.0.0.0/4', ipv6: 'ff00::/8' } as { readonly [F in UnderlayFamily]: Cidr };
/** Groups of routing and neighbour protocols, and those that never leave a host. */
const RESERVED = ['224.0.0.0/24', 'ff00::/16', 'ff01::/16', 'ff02::/16', 'ff11::/16'] as Cidr[];

/** The group of a network that was given none: another for each VNI. */
export const chooseGroup = (vni: Vni, underlay: UnderlayFamily): Ip =>
  ipFromNumber(ipToNumber(FIRST_GROUP[underlay]) + BigInt(vni), familyOfUnderlay(underlay));

/** A group that was asked for. Networks may share one: their VNIs keep them apart. */
export function readGroup(
  faults: Faults,
  value: string | undefined,
  mode: TunnelMode | undefined,
  underlay: UnderlayFamily,
): Ip | undefined {
  if (value === undefined) return undefined;
  const refuse = (problem: string, fix: string): undefined => {
    faults.invalid.push(fault('group', value, problem, fix));
  };
  const fix = `give one like ${chooseGroup(1 as Vni, underlay)}, or leave it out`;
  const parsed = parseIp(value);
  // An IP address in general, as that would suggest, is no group.
  if (!parsed.ok) return refuse(parsed.problem, fix);
  const group = parsed.value;
  if (mode !== undefined && mode !== 'multicast')
    return refuse(`makes no sense in mode ${mode}`, 'give --mode multicast, or leave it out');
  if (familyOf(group) !== familyOfUnderlay(underlay))
    return refuse(
      `is not of the underlay’s family, ${FAMILY_TITLE[underlay]}`,
      `give a group in ${MULTICAST[underlay]}, or another --underlay`,
    );
  if (!cidrContains(MULTICAST[underlay], group)) return refuse('is not a multicast address', fix);
  const reserved = RESERVED.find((cidr) => cidrContains(cidr, group));
  return reserved ? refuse(`is in ${reserved}, which is reserved`, fix) : group;
}
