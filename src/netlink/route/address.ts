import {
  type Codec,
  defineFields,
  field,
  ip,
  readFields,
  string,
  u8,
  u32,
  type ValuesOf,
  writeFields,
} from '../attributes.ts';
import { familyOf } from '../ip-text.ts';
import { type Message, NLM_F, type Request, RTM, requireBody } from '../message.ts';
import { writer } from '../message-writer.ts';

/** struct ifaddrmsg, linux/if_addr.h: u8 family, prefixlen, flags, scope, u32 index @4. */
const IFADDRMSG_BYTES = 8;

/** linux/if_addr.h, IFA_F_* */
export const IFA_F = {
  SECONDARY: 0x01,
  /** Of IPv6: made by the kernel for privacy, and for a day. */
  TEMPORARY: 0x01,
  /** No duplicate address detection: usable at once. */
  NODAD: 0x02,
  DADFAILED: 0x08,
  DEPRECATED: 0x20,
  TENTATIVE: 0x40,
  PERMANENT: 0x80,
  NOPREFIXROUTE: 0x200,
} as const;

/** linux/rtnetlink.h */
export const RT_SCOPE = { UNIVERSE: 0, SITE: 200, LINK: 253, HOST: 254, NOWHERE: 255 } as const;

/** struct ifa_cacheinfo: lifetimes in seconds, 2^32-1 is forever. */
export interface AddressLifetime {
  preferredSeconds: number;
  validSeconds: number;
}
const cacheInfo: Codec<AddressLifetime> = {
  write: () => {},
  read: (bytes, start, end) => ({
    preferredSeconds: u32.read(bytes, start, end),
    validSeconds: u32.read(bytes, start + 4, end),
  }),
};

/** IFA_*, linux/if_addr.h */
const addressFields = defineFields({
  /** The address itself; IPv6 gives it only when there is a `peer`. */
  local: field(2, ip),
  /** The prefix's address: the same, or the other end of a point-to-point link. */
  address: field(1, ip),
  broadcast: field(4, ip),
  label: field(3, string),
  flags: field(8, u32),
  protocol: field(11, u8),
  lifetime: field(6, cacheInfo),
});
type AddressValues = ValuesOf<typeof addressFields.table>;

/** `ip addr add 10.0.0.2/24 dev eth0`, `ip addr add fd00::2/64 dev eth0 nodad`. */
export interface AddressRequest {
  ifindex: number;
  address: string;
  /** The other end of a point-to-point link; then the prefix is that one's. */
  peer?: string;
  prefixLength: number;
  /** IFA_F_* bits. */
  flags?: number;
  /** RT_SCOPE_*; default universe. */
  scope?: number;
  broadcast?: string;
}

export interface Address extends Omit<AddressValues, 'address' | 'local'> {
  family: number;
  ifindex: number;
  address: string;
  /** The other end of a point-to-point link. */
  peer?: string;
  prefixLength: number;
  flags: number;
  scope: number;
}

/** `add` refuses an address that is there (EEXIST), `replace` changes it. ENODEV when the device is absent. */
export function encodeNewAddress(request: AddressRequest, mode: 'add' | 'replace'): Request {
  const how = mode === 'add' ? NLM_F.EXCL : NLM_F.REPLACE;
  return encode(RTM.NEWADDR, NLM_F.REQUEST | NLM_F.CREATE | how, request);
}

/** EADDRNOTAVAIL when absent. Removing the first IPv4 address of a subnet takes its secondary ones along. */
export function encodeDeleteAddress(request: AddressRequest): Request {
  return encode(RTM.DELADDR, NLM_F.REQUEST, request);
}

/** `ip addr show [dev …]`, both families unless one is given. */
export function encodeDumpAddresses(only: { family?: number; ifindex?: number } = {}): Request {
  const body = writer.start(RTM.GETADDR, NLM_F.REQUEST | NLM_F.DUMP, IFADDRMSG_BYTES);
  writer.bytes[body] = only.family ?? 0;
  writer.bytes.writeUInt32LE(only.ifindex ?? 0, body + 4);
  return writer.finish();
}

/** Reads RTM_NEWADDR and RTM_DELADDR. */
export function decodeAddress(message: Message): Address {
  const body = requireBody(message, IFADDRMSG_BYTES);
  const { local, address, ...values } = readFields(addressFields, body, IFADDRMSG_BYTES, body.length);
  return {
    ...values,
    family: body[0]!,
    ifindex: body.readUInt32LE(4),
    address: local ?? address ?? '',
    peer: local === undefined || local === address ? undefined : address,
    prefixLength: body[1]!,
    flags: values.flags ?? body[2]!,
    scope: body[3]!,
  };
}

function encode(type: number, headerFlags: number, request: AddressRequest): Request {
  const { ifindex, address, peer, prefixLength, flags = 0, scope = RT_SCOPE.UNIVERSE, broadcast } = request;
  const body = writer.start(type, headerFlags, IFADDRMSG_BYTES);
  writer.bytes[body] = familyOf(address);
  writer.bytes[body + 1] = prefixLength;
  writer.bytes[body + 2] = flags & 0xff;
  writer.bytes[body + 3] = scope;
  writer.bytes.writeUInt32LE(ifindex, body + 4);
  writeFields(writer, addressFields, {
    local: address,
    address: peer ?? address,
    broadcast,
    flags: flags > 0xff ? flags : undefined,
  });
  return writer.finish();
}
