import { RTM } from './message.ts';
import type { FilterInstruction } from './socket-filter.ts';

/** linux/bpf_common.h: loads of a word, half or byte at a fixed place, or of a constant into A or X; and; jump; return. */
const LOAD_WORD = 0x20;
const LOAD_HALF = 0x28;
const LOAD_BYTE = 0x30;
const LOAD_CONSTANT = 0x00;
const LOAD_X_CONSTANT = 0x01;
const AND = 0x54;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;

/** linux/filter.h: places that stand for what the kernel knows of a packet. */
const SKF_AD_OFF = 0xfffff000;
const SKF_AD_IFINDEX = SKF_AD_OFF + 8;
/** The 802.1Q tag, which the kernel takes out of a frame before we see it: only while it is present it says something. */
const SKF_AD_VLAN_TAG = SKF_AD_OFF + 44;
const SKF_AD_VLAN_TAG_PRESENT = SKF_AD_OFF + 48;
/** linux/if_vlan.h */
const VLAN_VID_MASK = 0x0fff;
/** Where the netlink attribute of the type in X is, from the offset in A on; 0 if there is none. */
const SKF_AD_NLATTR = SKF_AD_OFF + 12;

/** Places and values in an Ethernet frame without a VLAN tag: linux/if_ether.h, if_arp.h, in6.h, net/ndisc.h. */
const ETHER_TYPE_AT = 12;
const ETH_P_ARP = 0x0806;
const ETH_P_IPV6 = 0x86dd;
const ARP_OPERATION_AT = 20;
const ARPOP_REQUEST = 1;
const IPV6_NEXT_HEADER_AT = 20;
const IPPROTO_ICMPV6 = 58;
const ICMPV6_TYPE_AT = 54;
const NDISC_NEIGHBOUR_SOLICITATION = 135;
const NDISC_NEIGHBOUR_ADVERTISEMENT = 136;

/** Where attributes begin: struct nlmsghdr and struct ndmsg come first. */
const NEIGHBOUR_ATTRIBUTES_AT = 16 + 12;
const NDA_LLADDR = 2;

/** An instruction whose jumps name lines; without a name it goes on to the next line. */
type Line = readonly [label: string, code: number, k: number, ifEqual?: string, ifNot?: string];

const END: readonly Line[] = [
  ['pass', RETURN, 0xffffffff],
  ['drop', RETURN, 0],
];

/** What is of a VLAN is said in another network, though it came by the same interface; 0 is none, but a priority. */
const OF_NO_VLAN: readonly Line[] = [
  ['', LOAD_WORD, SKF_AD_VLAN_TAG_PRESENT],
  ['', JUMP_IF_EQUAL, 0, 'untagged'],
  ['', LOAD_WORD, SKF_AD_VLAN_TAG],
  ['', AND, VLAN_VID_MASK],
  ['', JUMP_IF_EQUAL, 0, '', 'drop'],
];

/** ARP requests and neighbour solicitations, by whatever interface but these, of which there may be some two hundred. */
export function questionsNotFrom(interfaces: readonly number[]): FilterInstruction[] {
  return assemble([
    ...OF_NO_VLAN,
    ['untagged', LOAD_HALF, ETHER_TYPE_AT],
    ['', JUMP_IF_EQUAL, ETH_P_ARP, 'arp'],
    ['', JUMP_IF_EQUAL, ETH_P_IPV6, '', 'drop'],
    ['', LOAD_BYTE, IPV6_NEXT_HEADER_AT],
    ['', JUMP_IF_EQUAL, IPPROTO_ICMPV6, '', 'drop'],
    ['', LOAD_BYTE, ICMPV6_TYPE_AT],
    ['', JUMP_IF_EQUAL, NDISC_NEIGHBOUR_SOLICITATION, 'origin', 'drop'],
    ['arp', LOAD_HALF, ARP_OPERATION_AT],
    ['', JUMP_IF_EQUAL, ARPOP_REQUEST, '', 'drop'],
    ['origin', LOAD_WORD, SKF_AD_IFINDEX],
    ...interfaces.map((ifindex): Line => ['', JUMP_IF_EQUAL, ifindex, 'drop']),
    ...END,
  ]);
}

/** ARP and neighbour discovery among neighbours: what says who has which address. */
export const addressWords: readonly FilterInstruction[] = assemble([
  ...OF_NO_VLAN,
  ['untagged', LOAD_HALF, ETHER_TYPE_AT],
  ['', JUMP_IF_EQUAL, ETH_P_ARP, 'pass'],
  ['', JUMP_IF_EQUAL, ETH_P_IPV6, '', 'drop'],
  ['', LOAD_BYTE, IPV6_NEXT_HEADER_AT],
  ['', JUMP_IF_EQUAL, IPPROTO_ICMPV6, '', 'drop'],
  ['', LOAD_BYTE, ICMPV6_TYPE_AT],
  ['', JUMP_IF_EQUAL, NDISC_NEIGHBOUR_SOLICITATION, 'pass'],
  ['', JUMP_IF_EQUAL, NDISC_NEIGHBOUR_ADVERTISEMENT, 'pass', 'drop'],
  ...END,
]);

/**
 * Of rtnetlink only what a VXLAN device with `l2miss` says: it has a frame for a MAC that is in no row. The type is in
 * host order, and BPF loads in network order.
 */
export const missedMacs: readonly FilterInstruction[] = assemble([
  ['', LOAD_HALF, 4],
  ['', JUMP_IF_EQUAL, RTM.GETNEIGH << 8, '', 'drop'],
  ['', LOAD_X_CONSTANT, NDA_LLADDR],
  ['', LOAD_CONSTANT, NEIGHBOUR_ATTRIBUTES_AT],
  ['', LOAD_WORD, SKF_AD_NLATTR],
  ['', JUMP_IF_EQUAL, 0, 'drop'],
  ...END,
]);

function assemble(lines: readonly Line[]): FilterInstruction[] {
  const at = new Map(lines.map(([label], index) => [label, index]));
  return lines.map(([, code, k, ifEqual, ifNot], index) => {
    const jump = (label?: string) => (label ? at.get(label)! - index - 1 : 0);
    return { code, jt: jump(ifEqual), jf: jump(ifNot), k };
  });
}
