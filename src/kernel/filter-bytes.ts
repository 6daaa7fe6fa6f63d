import type { Value, ValueType } from '#model/filter.ts';
import { readIp, writeIp } from '#netlink/ip-text.ts';
import { readMac, writeMac } from '#netlink/mac-text.ts';

/** How values of each type are as bytes, and which type nft(8) shows them as (its datatype.h). */
const IFNAME_BYTES = 16;
const TYPES: Record<ValueType, { readonly bytes: number; readonly nft: number }> = {
  ifname: { bytes: IFNAME_BYTES, nft: 41 },
  mac: { bytes: 6, nft: 9 },
  ipv4: { bytes: 4, nft: 7 },
  ipv6: { bytes: 16, nft: 8 },
  u8: { bytes: 1, nft: 12 },
  u16: { bytes: 2, nft: 13 },
  vni: { bytes: 4, nft: 4 },
  mark: { bytes: 4, nft: 19 },
};
const BY_NFT = new Map(Object.entries(TYPES).map(([type, { nft }]) => [nft, type as ValueType]));

export const bytesIn = (type: ValueType): number => TYPES[type].bytes;
/** In registers and sets each value begins at a multiple of four. */
const paddedBytes = (type: ValueType): number => (bytesIn(type) + 3) & ~3;

/** In network byte order, but for a mark, which is the host's own. A name that ends in `*` is as long as what stands before it. */
export function encodeValue(type: ValueType, value: Value): Buffer {
  const bytes = Buffer.alloc(bytesIn(type));
  if (type === 'ifname') return encodeName(String(value), bytes);
  if (type === 'mac') writeMac(String(value), bytes, 0);
  else if (type === 'ipv4' || type === 'ipv6') writeIp(String(value), bytes, 0);
  else if (type === 'mark') bytes.writeUInt32LE(Number(value));
  else if (type === 'vni') bytes.writeUIntBE(Number(value), 0, 3);
  else bytes.writeUIntBE(Number(value), 0, bytes.length);
  return bytes;
}

function encodeName(name: string, bytes: Buffer): Buffer {
  const length = bytes.write(name, 'latin1');
  return name.endsWith('*') ? bytes.subarray(0, length - 1) : bytes;
}

function decodeValue(type: ValueType, bytes: Buffer): Value {
  if (type === 'ifname') return bytes.toString('latin1').replace(/\0.*$/s, '');
  if (type === 'mac') return readMac(bytes, 0);
  if (type === 'ipv4' || type === 'ipv6') return readIp(bytes, 0, bytes.length);
  if (type === 'mark') return bytes.readUInt32LE(0);
  return bytes.readUIntBE(0, type === 'vni' ? 3 : bytes.length);
}

/** A value alone is as long as it is; of several, each begins at a multiple of four. */
export function encodeKey(types: readonly ValueType[], key: readonly Value[]): Buffer {
  const bytes = Buffer.alloc(keyBytes(types));
  let at = 0;
  types.forEach((type, i) => {
    encodeValue(type, key[i]!).copy(bytes, at);
    at += paddedBytes(type);
  });
  return bytes;
}

export function decodeKey(types: readonly ValueType[], bytes: Buffer): Value[] {
  let at = 0;
  return types.map((type) => {
    const from = at;
    at += paddedBytes(type);
    return decodeValue(type, bytes.subarray(from, from + bytesIn(type)));
  });
}

export const keyBytes = (types: readonly ValueType[]): number =>
  types.length === 1 ? bytesIn(types[0]!) : types.reduce((sum, type) => sum + paddedBytes(type), 0);

/** TYPE_BITS of nft's datatype.h. */
const TYPE_BITS = 6;

export const keyType = (types: readonly ValueType[]): number =>
  types.reduce((sum, type) => sum * (1 << TYPE_BITS) + TYPES[type].nft, 0);

/** Undefined for types that none of our sets has. */
export function typesOf(keyType: number): ValueType[] | undefined {
  const types: (ValueType | undefined)[] = [];
  for (let rest = keyType; rest > 0; rest = Math.floor(rest / (1 << TYPE_BITS)))
    types.unshift(BY_NFT.get(rest % (1 << TYPE_BITS)));
  return types.every((type) => type !== undefined) ? types : undefined;
}
