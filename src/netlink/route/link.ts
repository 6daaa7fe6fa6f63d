import {
  type Codec,
  defineFields,
  field,
  mac,
  named,
  nest,
  readFields,
  s32,
  string,
  u8,
  u32,
  type ValuesOf,
  writeFields,
} from '../attributes.ts';
import { AF_INET6 } from '../ip-text.ts';
import { type Message, NLM_F, type Request, RTM, requireBody } from '../message.ts';
import { type MessageWriter, writer } from '../message-writer.ts';
import { type BridgePort, bridgePortFields } from './bridge-port.ts';
import {
  type Bridge,
  bridgeFields,
  type Macvlan,
  macvlanFields,
  type Vxlan,
  vxlanFields,
} from './link-kind.ts';

/** struct ifinfomsg, linux/rtnetlink.h: u8 family, u8 pad, u16 type, s32 index @4, u32 flags @8, u32 change @12. */
const IFINFOMSG_BYTES = 16;

/** linux/if.h */
export const IFF = {
  UP: 0x1,
  LOOPBACK: 0x8,
  RUNNING: 0x40,
  NOARP: 0x80,
  PROMISC: 0x100,
  LOWER_UP: 0x10000,
} as const;

/** IFLA_INET6_ADDR_GEN_MODE, linux/if_link.h: how the device gets its IPv6 link-local address. */
const addrGenMode = named(u8, { eui64: 0, none: 1, stable_secret: 2, random: 3 });
/** IFLA_INET6_CONF: s32 net.ipv6.conf.DEVICE.*, in the order of DEVCONF_* in linux/ipv6.h. */
const ipv6Settings: Codec<{ acceptRa: boolean; disabled: boolean }> = {
  write: () => {},
  read: (bytes, start, end) => ({
    acceptRa: s32.read(bytes, start + 4 * DEVCONF.ACCEPT_RA, end) !== 0,
    disabled: s32.read(bytes, start + 4 * DEVCONF.DISABLE_IPV6, end) !== 0,
  }),
};
const DEVCONF = { ACCEPT_RA: 3, DISABLE_IPV6: 26 } as const;

const inet6 = defineFields({ ipv6: field(2, ipv6Settings), addrGenMode: field(8, addrGenMode) });
const afSpec = defineFields({ inet6: field(AF_INET6, nest(inet6)) });

/** linux/if.h, IF_OPER_* (RFC 2863). */
const operState = named(u8, {
  unknown: 0,
  notpresent: 1,
  down: 2,
  lowerlayerdown: 3,
  testing: 4,
  dormant: 5,
  up: 6,
});

/** IFLA_LINKINFO: the kind, that kind's own attributes, and the flags of a bridge port. */
interface LinkInfo {
  /** "vxlan", "bridge", "veth", "macvlan", or any other kind that the kernel knows ("tun"). */
  kind?: string;
  vxlan?: Vxlan;
  bridge?: Bridge;
  macvlan?: Macvlan;
  /** Flags as a port of a bridge; there when the master is one. Setting them needs the master to be set before. */
  port?: BridgePort;
  /** The other end of a new veth. It cannot be up at once (ENOTCONN); the first end can. */
  peer?: LinkRequest;
}

/** IFLA_* of linux/if_link.h. Written in this order, which is ip(8)'s, so that bytes can be compared. */
const linkFields = defineFields({
  mtu: field(4, u32),
  mac: field(1, mac),
  /** Ifindex of the lower device (macvlan) or of the veth peer; see `linkNetnsId` for its namespace. */
  link: field(5, u32),
  /** Ifindex of the bridge; 0 takes the device out of it. */
  master: field(10, u32),
  txQueueLength: field(13, u32),
  group: field(27, u32),
  /** Open file of the namespace where the device is to be; it can be born there. */
  netnsFd: field(28, u32),
  txQueues: field(31, u32),
  rxQueues: field(32, u32),
  alias: field(20, string),
  name: field(3, string),
  afSpec: field(26, nest(afSpec)),
  info: field<LinkInfo>(18, { write: writeInfo, read: readInfo }),
  operState: field(16, operState),
  carrier: field(33, u8),
  promiscuity: field(30, u32),
  linkNetnsId: field(37, s32),
  /** In RTM_DELLINK: where the device went, when it only left this namespace. */
  newNetnsId: field(45, s32),
  newIndex: field(49, u32),
});
type LinkValues = ValuesOf<typeof linkFields.table>;

/** A link as it is to be. Names and values are those of ip-link(8); what is not given stays or is the kernel's default. */
export interface LinkRequest
  extends Pick<
      LinkValues,
      | 'name'
      | 'mtu'
      | 'mac'
      | 'link'
      | 'master'
      | 'txQueueLength'
      | 'group'
      | 'netnsFd'
      | 'txQueues'
      | 'rxQueues'
      | 'alias'
    >,
    LinkInfo {
  index?: number;
  up?: boolean;
  /** Whether it asks and answers by ARP and ND: `arp on` of ip-link(8). */
  arp?: boolean;
  /** Heeded by changes only: the kernel ignores it in the message that creates a device. */
  addrGenMode?: 'eui64' | 'none' | 'stable_secret' | 'random';
}

/** A link as the kernel tells it. */
export interface Link extends Omit<LinkValues, 'afSpec' | 'info' | 'netnsFd'>, Omit<LinkInfo, 'peer'> {
  index: number;
  /** IFF_* bits; `up` is IFF_UP. */
  flags: number;
  up: boolean;
  arp: boolean;
  /** ARPHRD_*, linux/if_arp.h: 1 is Ethernet, 772 loopback. */
  hardwareType: number;
  addrGenMode?: LinkRequest['addrGenMode'];
  /** Of net.ipv6.conf.DEVICE.*; absent where the device has no IPv6 at all. Written as files, not by netlink. */
  ipv6?: { acceptRa: boolean; disabled: boolean };
}

/** Which link is meant: by index, or by name. */
export type LinkTarget = { index: number } | { name: string };

/** `ip link add …`. EEXIST when the name (or index, or VNI and port of a vxlan) is taken. */
export function encodeNewLink(link: LinkRequest): Request {
  return encodeLink(NLM_F.REQUEST | NLM_F.CREATE | NLM_F.EXCL, link);
}

/** `ip link set …`. Idempotent. ENODEV when absent. The link is found by index, or by name if no index is given. */
export function encodeSetLink(link: LinkRequest): Request {
  return encodeLink(NLM_F.REQUEST, link);
}

/** `ip link del …`. ENODEV when absent. Slow (the kernel waits for RCU): see `deleter.ts`. */
export function encodeDeleteLink(target: LinkTarget): Request {
  writeHeader(writer, writer.start(RTM.DELLINK, NLM_F.REQUEST, IFINFOMSG_BYTES), target);
  writeFields(writer, linkFields, 'name' in target ? { name: target.name } : {});
  return writer.finish();
}

/** `ip link del group 7`: all links of a group at once, for the price of one. ENODEV when there is none. */
export function encodeDeleteLinkGroup(group: number): Request {
  writer.start(RTM.DELLINK, NLM_F.REQUEST, IFINFOMSG_BYTES);
  writeFields(writer, linkFields, { group });
  return writer.finish();
}

/** `ip link show …`. ENODEV when absent. */
export function encodeGetLink(target: LinkTarget): Request {
  writeHeader(writer, writer.start(RTM.GETLINK, NLM_F.REQUEST, IFINFOMSG_BYTES), target);
  writeFields(writer, linkFields, 'name' in target ? { name: target.name } : {});
  writeFields(writer, extMask, { extMask: RTEXT_FILTER_SKIP_STATS });
  return writer.finish();
}

/** `ip link show [master …] [type …]`: all links, or those of one master or kind. */
export function encodeDumpLinks(only: { master?: number; kind?: string } = {}): Request {
  writer.start(RTM.GETLINK, NLM_F.REQUEST | NLM_F.DUMP, IFINFOMSG_BYTES);
  writeFields(writer, linkFields, { master: only.master, info: only.kind ? { kind: only.kind } : undefined });
  writeFields(writer, extMask, { extMask: RTEXT_FILTER_SKIP_STATS });
  return writer.finish();
}

/** linux/rtnetlink.h: leave out the counters, half of every answer. */
const RTEXT_FILTER_SKIP_STATS = 1 << 3;
const extMask = defineFields({ extMask: field(29, u32) });

/** Reads RTM_NEWLINK and RTM_DELLINK. */
export function decodeLink(message: Message): Link {
  const body = requireBody(message, IFINFOMSG_BYTES);
  const { afSpec, info, netnsFd: _, ...values } = readFields(linkFields, body, IFINFOMSG_BYTES, body.length);
  const flags = body.readUInt32LE(8);
  return {
    index: body.readInt32LE(4),
    flags,
    up: (flags & IFF.UP) !== 0,
    arp: (flags & IFF.NOARP) === 0,
    hardwareType: body.readUInt16LE(2),
    ...values,
    ...info,
    ...afSpec?.inet6,
  };
}

function encodeLink(flags: number, link: LinkRequest): Request {
  writeLink(writer, writer.start(RTM.NEWLINK, flags, IFINFOMSG_BYTES), link);
  return writer.finish();
}

function writeLink(into: MessageWriter, body: number, link: LinkRequest): void {
  const { kind, vxlan, bridge, macvlan, port, peer, addrGenMode, index, up, arp, ...values } = link;
  writeHeader(into, body, { index: index ?? 0 }, { up, arp });
  const info = kind || port ? { kind, vxlan, bridge, macvlan, port, peer } : undefined;
  const afSpec = addrGenMode && { inet6: { addrGenMode } };
  writeFields(into, linkFields, { ...values, info, afSpec });
}

function writeHeader(
  into: MessageWriter,
  body: number,
  target: LinkTarget,
  { up, arp }: Pick<LinkRequest, 'up' | 'arp'> = {},
): void {
  if ('index' in target) into.bytes.writeInt32LE(target.index, body + 4);
  into.bytes.writeUInt32LE((up ? IFF.UP : 0) | (arp === false ? IFF.NOARP : 0), body + 8);
  into.bytes.writeUInt32LE((up === undefined ? 0 : IFF.UP) | (arp === undefined ? 0 : IFF.NOARP), body + 12);
}

/** Names come before data on the wire, but nobody promises it: data is read when all names are known. */
type Range = { start: number; end: number };
const range: Codec<Range> = { write: () => {}, read: (_, start, end) => ({ start, end }) };
const infoFields = defineFields({
  kind: field(1, string),
  data: field(2, range),
  slaveKind: field(4, string),
  slaveData: field(5, range),
});

const vxlanInfo = defineFields({ data: field(2, nest(vxlanFields)) });
const bridgeInfo = defineFields({ data: field(2, nest(bridgeFields)) });
const macvlanInfo = defineFields({ data: field(2, nest(macvlanFields)) });
const portInfo = defineFields({ slaveKind: field(4, string), slaveData: field(5, nest(bridgePortFields)) });
/** VETH_INFO_PEER, linux/veth.h: a whole ifinfomsg with attributes. */
const peer: Codec<LinkRequest> = {
  write(into, link) {
    const body = into.take(IFINFOMSG_BYTES);
    into.bytes.fill(0, body, body + IFINFOMSG_BYTES);
    writeLink(into, body, link);
  },
  read: () => ({}),
};
const vethInfo = defineFields({ data: field(2, nest(defineFields({ peer: field(1, peer) }))) });

function writeInfo(into: MessageWriter, info: LinkInfo): void {
  writeFields(into, infoFields, { kind: info.kind });
  if (info.vxlan) writeFields(into, vxlanInfo, { data: info.vxlan });
  if (info.bridge) writeFields(into, bridgeInfo, { data: info.bridge });
  if (info.macvlan) writeFields(into, macvlanInfo, { data: info.macvlan });
  if (info.peer) writeFields(into, vethInfo, { data: { peer: info.peer } });
  if (info.port) writeFields(into, portInfo, { slaveKind: 'bridge', slaveData: info.port });
}

function readInfo(bytes: Buffer, start: number, end: number): LinkInfo {
  const { kind, data, slaveKind, slaveData } = readFields(infoFields, bytes, start, end);
  const info: LinkInfo = { kind };
  if (data && kind === 'vxlan') info.vxlan = readFields(vxlanFields, bytes, data.start, data.end);
  if (data && kind === 'bridge') info.bridge = readFields(bridgeFields, bytes, data.start, data.end);
  if (data && kind === 'macvlan') info.macvlan = readFields(macvlanFields, bytes, data.start, data.end);
  if (slaveData && slaveKind === 'bridge') {
    info.port = readFields(bridgePortFields, bytes, slaveData.start, slaveData.end);
  }
  return info;
}
