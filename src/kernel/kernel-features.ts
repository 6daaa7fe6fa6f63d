import { existsSync, readFileSync } from 'node:fs';
import type { Chain, Element, FilterSet, SetShape } from '#model/filter.ts';
import { countIn, drop, isNotIn, rule, setMark } from '#model/filter.ts';
import { etherSource, iifname, mark } from '#model/filter-fields.ts';
import { type Conversation, openConversation } from '#netlink/conversation.ts';
import { close, orThrow, unshare } from '#netlink/libc.ts';
import { CLONE_NEWNET, comingHome } from '#netlink/namespace.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { cookieOfSocket } from '#netlink/open-namespace.ts';
import {
  decodeLink,
  encodeGetLink,
  encodeNewLink,
  encodeSetLink,
  type LinkRequest,
} from '#netlink/route/link.ts';
import { create } from '#netlink/socket.ts';
import { type FilterOp, filterRequests } from './filter-write.ts';

/** What has container namespaces told apart, for good (since Linux 5.14). */
const COOKIES = 'SO_NETNS_COOKIE';

/** A device of each kind that every network needs. */
const NEEDED: Readonly<Record<string, LinkRequest>> = {
  bridge: { name: 'probe0', kind: 'bridge' },
  veth: { name: 'probe1', kind: 'veth', peer: { name: 'probe2' } },
  vxlan: { name: 'probe3', kind: 'vxlan', vxlan: { id: 1, port: 4789 } },
};

/**
 * What this kernel lacks of what Weft needs, found by trying in a namespace that nobody else sees; [] is well. Modules
 * are loaded by the trying. Throws NetlinkError EPERM without the right to make namespaces.
 */
export function missingKernelFeatures(): string[] {
  const conversation = comingHome(() => {
    orThrow('unshare', unshare(CLONE_NEWNET));
    return openConversation();
  });
  try {
    const kinds = Object.keys(NEEDED).filter((kind) => !canMake(conversation, NEEDED[kind]!));
    return hasCookies() ? kinds : [...kinds, COOKIES];
  } finally {
    conversation.close();
  }
}

function hasCookies(): boolean {
  const socket = create();
  try {
    cookieOfSocket(socket);
    return true;
  } catch (error) {
    if (error instanceof NetlinkError) return false;
    throw error;
  } finally {
    close(socket);
  }
}

function canMake(conversation: Conversation, device: LinkRequest): boolean {
  try {
    conversation.request(encodeNewLink(device));
    return true;
  } catch (error) {
    if (error instanceof NetlinkError) return false;
    throw error;
  }
}

/**
 * Whether a VXLAN device that is up leaves its group and joins another when it is given one (since Linux 6.15); else it
 * stays in the old one, and hears the new one only by chance. Tried with `ip link set probe1 type vxlan group …` on a
 * device that has none: Linux 5.10 and 5.15 wait for themselves when one that stayed in a group is deleted, with the
 * lock that all network writes of the machine need, until it is booted.
 */
export function rejoinsGroups(): boolean {
  const [name, wire] = ['probe1', 'probe0'];
  return comingHome(() => {
    orThrow('unshare', unshare(CLONE_NEWNET));
    const conversation = openConversation();
    try {
      const make = (device: LinkRequest) => conversation.request(encodeNewLink(device));
      const set = (change: LinkRequest) => conversation.request(encodeSetLink(change));
      make({ name: wire, kind: 'bridge' });
      set({ name: wire, up: true });
      const { index: link } = decodeLink(conversation.ask(encodeGetLink({ name: wire })));
      make({ name, kind: 'vxlan', vxlan: { id: 1, port: 4789, link } });
      set({ name, up: true });
      set({ name, kind: 'vxlan', vxlan: { remote: '239.255.0.2', link } });
      // Without CONFIG_IP_MULTICAST nobody is in any.
      if (!existsSync('/proc/thread-self/net/igmp')) return false;
      // 239.255.0.2 as a number of this machine's byte order: little-endian's, or big-endian's.
      return /\b(0200FFEF|EFFF0002)\b/.test(readFileSync('/proc/thread-self/net/igmp', 'utf8'));
    } catch (error) {
      if (error instanceof NetlinkError) return false;
      throw error;
    } finally {
      conversation.close();
    }
  });
}

/** Whether this kernel has what rules of all our sorts need: nf_tables for bridges and for packets, sets, counters. */
export function canFilter(): boolean {
  try {
    const conversation = comingHome(() => {
      orThrow('unshare', unshare(CLONE_NEWNET));
      return openConversation(undefined, 'netfilter');
    });
    try {
      conversation.transact(filterRequests(probes()));
      return true;
    } finally {
      conversation.close();
    }
  } catch (error) {
    if (error instanceof NetlinkError) return false;
    throw error;
  }
}

/** Whether this kernel has IPv6: it may be made without, or have been started with `ipv6.disable=1`. */
export const hasIpv6 = (): boolean => existsSync('/proc/net/if_inet6');

function probes(): FilterOp[] {
  return (['bridge', 'inet'] as const).flatMap((family) => {
    const known: SetShape = { family, name: 'known', key: ['ifname', 'mac'] };
    const counted: SetShape = { family, name: 'counted', key: ['ifname', 'mark'], countsUpTo: 16 };
    const chain: Chain = {
      ...{ kind: 'chain', ns: '', family, name: 'probe' },
      hook: { type: 'filter', hook: 'input', priority: -300, policy: 'accept' },
      rules: [
        rule(isNotIn(known, iifname, etherSource), setMark(1), countIn(counted, iifname, mark)),
        rule(drop),
      ],
    };
    const sets = [known, counted].map((shape): FilterSet => ({ kind: 'set', ns: '', shape }));
    const element: Element = { kind: 'element', ns: '', set: known, key: ['lo', '02:00:00:00:00:01'] };
    return [...sets, element, chain].map((object): FilterOp => ({ verb: 'add', object }));
  });
}
