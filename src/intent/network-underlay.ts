import { MIN_IPV6_MTU } from '#model/ip.ts';
import type { Notice } from '#model/notice.ts';
import { type Host, hasIpv6Subnet, type Network, type UnderlayFamily } from '#model/records.ts';
import { ENCAPSULATION_BYTES, FAMILY_TITLE, hasUnderlay, hindrance, innerMtu } from './encapsulation.ts';
import { listSome } from './list-some.ts';

/** The family that most hosts have; IPv4 among equals, and without hosts. */
export function chooseUnderlay(hosts: readonly Host[]): UnderlayFamily {
  const count = (underlay: UnderlayFamily) => hosts.filter((host) => hasUnderlay(host, underlay)).length;
  return count('ipv6') > count('ipv4') ? 'ipv6' : 'ipv4';
}

/** What to tell about hosts that will get no endpoint of a network; one notice for each cause. */
export function noticesOfHindrance(network: Network, hosts: readonly Host[]): Notice[] {
  const notices: Notice[] = [];
  const without = hosts.filter((host) => hindrance(network, host) === 'underlay');
  if (without.length > 0) notices.push(noticeOfUnderlay(network, without));
  const narrow = hosts.filter((host) => hindrance(network, host) === 'mtu');
  if (narrow.length > 0) notices.push(noticeOfMtu(network, narrow));
  return notices;
}

function noticeOfUnderlay(network: Network, hosts: readonly Host[]): Notice {
  const family = FAMILY_TITLE[network.underlay];
  const names = listSome(hosts.map((host) => host.name));
  return {
    code: 'host-without-underlay-family',
    title: 'Some hosts cannot take part',
    sentence: `Network ${network.name} tunnels over ${family}, and ${names} has no ${family} underlay address.`,
    next: `Give the agent there an ${family} --underlay address, or create the network with another --underlay.`,
  };
}

function noticeOfMtu(network: Network, hosts: readonly Host[]): Notice {
  const carried = hosts.map((host) => `${host.name} (${innerMtu(host, network.underlay)})`);
  const bytes = ENCAPSULATION_BYTES[network.underlay];
  const narrower =
    hasIpv6Subnet(network) && network.mtu === MIN_IPV6_MTU
      ? 'an IPv4 --subnet alone: IPv6 needs as much'
      : 'a smaller --mtu';
  return {
    code: 'host-underlay-mtu-too-small',
    title: 'Some hosts cannot take part',
    sentence: `Network ${network.name} has MTU ${network.mtu}, more than fits through ${listSome(carried)}.`,
    next: `Raise the underlay MTU there to ${network.mtu + bytes}, or create the network with ${narrower}.`,
  };
}
