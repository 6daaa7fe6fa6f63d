import {
  be16,
  bool,
  defineFields,
  field,
  ipField,
  named,
  u8,
  u16,
  u32,
  type ValuesOf,
} from '../attributes.ts';

/**
 * IFLA_VXLAN_* of linux/if_link.h, in the words of ip-link(8):
 * `ip link add vxlan0 type vxlan id 1048576 local 192.0.2.1 dstport 4789 ttl 64 nolearning proxy`.
 */
export const vxlanFields = defineFields({
  ttl: field(5, u8),
  tos: field(6, u8),
  ageingSeconds: field(8, u32),
  /** Most FDB entries; 0 is no limit. */
  limit: field(9, u32),
  proxy: field(11, bool),
  /** Route short-circuit. */
  rsc: field(12, bool),
  l2miss: field(13, bool),
  l3miss: field(14, bool),
  udpCsum: field(18, bool),
  udp6ZeroCsumTx: field(19, bool),
  udp6ZeroCsumRx: field(20, bool),
  collectMetadata: field(25, bool),
  id: field(1, u32),
  /** One unicast VTEP or a multicast group: the default destination. */
  remote: ipField(2, 16),
  local: ipField(4, 17),
  /** Ifindex of the underlay device; needed with a multicast group. */
  link: field(3, u32),
  learning: field(7, bool),
  port: field(15, be16),
});

/** IFLA_BR_*: `ip link add br0 type bridge stp_state 0 mcast_snooping 0`. Times in 1/100 s (USER_HZ). */
export const bridgeFields = defineFields({
  forwardDelay: field(1, u32),
  ageingTime: field(4, u32),
  stp: field(5, u32),
  vlanFiltering: field(7, bool),
  mcastSnooping: field(23, bool),
});

/** IFLA_MACVLAN_*: `ip link add eth0 link eth1 type macvlan mode bridge`. */
export const macvlanFields = defineFields({
  mode: field(1, named(u32, { private: 1, vepa: 2, bridge: 4, passthru: 8, source: 16 })),
  flags: field(2, u16),
});

export type Vxlan = ValuesOf<typeof vxlanFields.table>;
export type Bridge = ValuesOf<typeof bridgeFields.table>;
export type Macvlan = ValuesOf<typeof macvlanFields.table>;
