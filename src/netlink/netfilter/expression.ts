import {
  be32,
  type Codec,
  defineFields,
  field,
  NLA_F_NESTED,
  nest,
  raw,
  string,
  u8,
  type ValuesOf,
  writeFields,
} from '../attributes.ts';
import { unencodable } from '../netlink-error.ts';

/*
 * Expressions of a rule, as `nft --debug=netlink` shows them: each loads something into registers, or goes on only if
 * they have some value, or ends in a verdict. enum and attribute numbers: linux/netfilter/nf_tables.h.
 */

const NFT_REG_1 = 1;
const NFT_REG_2 = 2;
/** NFT_REG32_00: sixteen registers of four bytes, of which a value takes as many as it needs. */
const NFT_REG32_00 = 8;
const REGISTER_COUNT = 16;
const NFT_REG_VERDICT = 0;
/** enum nft_cmp_ops */
const COMPARISONS = { '==': 0, '!=': 1, '>=': 5 } as const;
const NFT_LOOKUP_F_INV = 1;
const NFT_DYNSET_OP_UPDATE = 1;
/** enum nft_verdicts, and NF_DROP and NF_ACCEPT of linux/netfilter.h. */
export const VERDICTS = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const;
/** enum nft_nat_types */
const NFT_NAT_DNAT = 1;
/** By the length of an address: NFPROTO_*, linux/netfilter.h. */
const NFPROTO: Readonly<Record<number, number>> = { 4: 2, 16: 10 };
/** enum nft_ct_keys; include/uapi/linux/netfilter/nf_conntrack_common.h: NF_CT_STATE_BIT, IPS_DST_NAT. */
const CT = { state: 0, status: 2 } as const;
const CT_BITS = { invalid: 1, established: 2, related: 4, new: 8, dnat: 1 << 5 } as const;
/** enum nft_fib_result, nft_fib_flags; RTN_LOCAL of linux/rtnetlink.h. */
const [NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR, RTN_LOCAL] = [3, 2, 2];
/** enum nft_rt_keys, nft_byteorder_ops, nft_exthdr_op; TCPOPT_MSS of RFC 9293, 3.2: its value behind kind and length. */
const [NFT_RT_TCPMSS, NFT_BYTEORDER_HTON, NFT_EXTHDR_OP_TCPOPT] = [3, 1, 1];
const MSS = { kind: 2, at: 2, bytes: 2 } as const;
/** The flags of a TCP header (RFC 9293, 3.1). */
const TCP_FLAGS = { at: 13, fin: 1, syn: 2, rst: 4 } as const;

/** enum nft_payload_csum_types */
const NFT_PAYLOAD_CSUM_INET = 1;
/** enum nft_payload_bases */
const BASES = { link: 0, network: 1, transport: 2 } as const;
/** enum nft_meta_keys */
export const META = { protocol: 1, mark: 3, iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const;
const META_BYTES = { protocol: 2, mark: 4, iifname: 16, oifname: 16, nfproto: 1, l4proto: 1 } as const;

export const meta = defineFields({ register: field(1, be32), key: field(2, be32), from: field(3, be32) });
const payload = defineFields({
  register: field(1, be32),
  base: field(2, be32),
  offset: field(3, be32),
  length: field(4, be32),
  from: field(5, be32),
  checksum: field(6, be32),
  checksumAt: field(7, be32),
});
const verdict = defineFields({ code: field(1, be32), chain: field(2, string) });
/** NFTA_DATA_*: a value or a verdict. */
export const data = defineFields({ value: field(1, raw), verdict: field(2 | NLA_F_NESTED, nest(verdict)) });
export const compare = defineFields({
  register: field(1, be32),
  how: field(2, be32),
  data: field(3 | NLA_F_NESTED, nest(data)),
});
export const immediate = defineFields({
  register: field(1, be32),
  data: field(2 | NLA_F_NESTED, nest(data)),
});
const nat = defineFields({
  type: field(1, be32),
  family: field(2, be32),
  address: field(3, be32),
  port: field(5, be32),
});

const conntrack = defineFields({ register: field(1, be32), key: field(2, be32) });
const bitwise = defineFields({
  from: field(1, be32),
  register: field(2, be32),
  length: field(3, be32),
  mask: field(4 | NLA_F_NESTED, nest(data)),
  xor: field(5 | NLA_F_NESTED, nest(data)),
});
const fib = defineFields({ register: field(1, be32), result: field(2, be32), flags: field(3, be32) });
const route = defineFields({ register: field(1, be32), key: field(2, be32) });
const byteorder = defineFields({
  from: field(1, be32),
  register: field(2, be32),
  operation: field(3, be32),
  length: field(4, be32),
  size: field(5, be32),
});
const exthdr = defineFields({
  type: field(2, u8),
  offset: field(3, be32),
  length: field(4, be32),
  operation: field(6, be32),
  from: field(7, be32),
});
const masq = defineFields({ flags: field(1, be32) });
const lookup = defineFields({ set: field(1, string), register: field(2, be32), flags: field(5, be32) });
const element = defineFields({ name: field(1, string) });
/** An expression by itself, that counts packets and bytes from 0. */
export const COUNTER: Codec<true> = {
  write: (writer) => writeFields(writer, element, { name: 'counter' }),
  read: () => true,
};
/** An extension of iptables: linux/netfilter/nf_tables_compat.h, NFTA_MATCH_*. */
export const match = defineFields({ name: field(1, string), revision: field(2, be32), info: field(3, raw) });
const dynset = defineFields({
  set: field(1, string),
  operation: field(3, be32),
  register: field(4, be32),
  each: field(7 | NLA_F_NESTED, COUNTER),
});

const DATA = {
  ...{ meta, payload, cmp: compare, immediate, nat, lookup, dynset, ct: conntrack, bitwise, fib },
  ...{ rt: route, byteorder, exthdr, masq, match, counter: defineFields({}) },
};

export type Expression = {
  [K in keyof typeof DATA]: {
    readonly name: K;
    readonly values: ValuesOf<(typeof DATA)[K]['table']>;
  };
}[keyof typeof DATA];

const metaIs = (key: keyof typeof META, bytes: Uint8Array): Expression[] => [
  { name: 'meta', values: { register: NFT_REG_1, key: META[key] } },
  { name: 'cmp', values: { register: NFT_REG_1, how: COMPARISONS['=='], data: { value: bytes } } },
];

/** `meta l4proto PROTOCOL` */
export const speaks = (protocol: number): Expression[] => metaIs('l4proto', Uint8Array.of(protocol));

/** `meta protocol ip` */
export const isIpv4: Expression[] = metaIs('protocol', Uint8Array.of(0x08, 0x00));

/** `@lh,96,16 0x0806`, `@nh,192,32 10.0.0.1`: those bytes, counted from the start of that header. */
export const bytesAre = (base: keyof typeof BASES, offset: number, bytes: Uint8Array): Expression[] =>
  bytesCompare(base, offset, bytes, '==');
export const bytesAreNot = (base: keyof typeof BASES, offset: number, bytes: Uint8Array): Expression[] =>
  bytesCompare(base, offset, bytes, '!=');

const bytesCompare = (
  base: keyof typeof BASES,
  offset: number,
  bytes: Uint8Array,
  how: keyof typeof COMPARISONS,
): Expression[] => [
  {
    name: 'payload',
    values: { register: NFT_REG_1, base: BASES[base], offset, length: bytes.length },
  },
  { name: 'cmp', values: { register: NFT_REG_1, how: COMPARISONS[how], data: { value: bytes } } },
];

/** Where ports and checksums are in the headers of UDP and TCP (RFC 768, RFC 9293). */
const PORTS_AT = { source: 0, target: 2 } as const;
const CHECKSUM_AT: Readonly<Record<number, number>> = { 17: 6, 6: 16 };

/** `udp dport 53 udp dport set PORT`: translated packet by packet, without a memory of flows. */
export const portBecomes = (
  protocol: number,
  which: keyof typeof PORTS_AT,
  from: number,
  to: number,
): Expression[] => [
  ...speaks(protocol),
  ...bytesAre('transport', PORTS_AT[which], portBytes(from)),
  { name: 'immediate', values: { register: NFT_REG_1, data: { value: portBytes(to) } } },
  {
    name: 'payload',
    values: {
      ...{ from: NFT_REG_1, base: BASES.transport, offset: PORTS_AT[which], length: 2 },
      ...{ checksum: NFT_PAYLOAD_CSUM_INET, checksumAt: CHECKSUM_AT[protocol] },
    },
  },
];

const portBytes = (port: number): Uint8Array => Uint8Array.of(port >> 8, port & 255);

/** `drop`, `goto CHAIN` */
export const ending = (code: keyof typeof VERDICTS, chain?: string): Expression => ({
  name: 'immediate',
  values: { register: NFT_REG_VERDICT, data: { verdict: { code: VERDICTS[code] >>> 0, chain } } },
});
export const drop = ending('drop');
export const accept = ending('accept');

/** `dnat to ADDRESS:PORT`: both as they are in a header. */
export const dnatTo = (address: Uint8Array, port: Uint8Array): Expression[] => [
  { name: 'immediate', values: { register: NFT_REG_1, data: { value: address } } },
  { name: 'immediate', values: { register: NFT_REG_2, data: { value: port } } },
  {
    name: 'nat',
    values: {
      type: NFT_NAT_DNAT,
      family: NFPROTO[address.length],
      address: NFT_REG_1,
      port: NFT_REG_2,
    },
  },
];

/** `masquerade`: from the address of the device that the packet leaves by. */
export const masquerade: Expression = { name: 'masq', values: {} };

/** Numbers that the kernel keeps in registers, not in packets, are in the host's own order. */
const hostOrder = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

/** `ct state established,related`, `ct status dnat`: any of them. */
export const tracked = (key: keyof typeof CT, bits: readonly (keyof typeof CT_BITS)[]): Expression[] => {
  const mask = hostOrder(bits.reduce((sum, bit) => sum | CT_BITS[bit], 0));
  const none = hostOrder(0);
  return [
    { name: 'ct', values: { register: NFT_REG_1, key: CT[key] } },
    ...masked(mask, none),
    { name: 'cmp', values: { register: NFT_REG_1, how: COMPARISONS['!='], data: { value: none } } },
  ];
};

const masked = (mask: Uint8Array, none: Uint8Array): Expression[] => [
  {
    name: 'bitwise',
    values: {
      from: NFT_REG_1,
      register: NFT_REG_1,
      length: mask.length,
      mask: { value: mask },
      xor: { value: none },
    },
  },
];

/** `fib daddr type local` */
export const toThisHost: Expression[] = [
  {
    name: 'fib',
    values: { register: NFT_REG_1, result: NFT_FIB_RESULT_ADDRTYPE, flags: NFTA_FIB_F_DADDR },
  },
  {
    name: 'cmp',
    values: { register: NFT_REG_1, how: COMPARISONS['=='], data: { value: hostOrder(RTN_LOCAL) } },
  },
];

/** `meta l4proto tcp tcp flags syn / fin,syn,rst tcp option maxseg size set rt mtu`: never larger than it was. */
export const clampMss: Expression[] = [
  ...speaks(6),
  {
    name: 'payload',
    values: { register: NFT_REG_1, base: BASES.transport, offset: TCP_FLAGS.at, length: 1 },
  },
  ...masked(Uint8Array.of(TCP_FLAGS.fin | TCP_FLAGS.syn | TCP_FLAGS.rst), Uint8Array.of(0)),
  {
    name: 'cmp',
    values: { register: NFT_REG_1, how: COMPARISONS['=='], data: { value: Uint8Array.of(TCP_FLAGS.syn) } },
  },
  { name: 'rt', values: { register: NFT_REG_1, key: NFT_RT_TCPMSS } },
  {
    name: 'byteorder',
    values: {
      ...{ from: NFT_REG_1, register: NFT_REG_1, operation: NFT_BYTEORDER_HTON },
      ...{ length: MSS.bytes, size: MSS.bytes },
    },
  },
  {
    name: 'exthdr',
    values: {
      ...{ type: MSS.kind, offset: MSS.at, length: MSS.bytes },
      ...{ operation: NFT_EXTHDR_OP_TCPOPT, from: NFT_REG_1 },
    },
  },
];

/** What is loaded of a packet: by meta key, or some bytes from the start of a header. */
export type Load =
  | { readonly meta: keyof typeof META }
  | { readonly base: keyof typeof BASES; readonly at: number; readonly bytes: number };

/** Loads one after the other, each in as many registers as it needs: the key of a set. */
function loadAll(loads: readonly Load[]): Expression[] {
  let register = NFT_REG32_00;
  return loads.map((load) => {
    const bytes = 'meta' in load ? META_BYTES[load.meta] : load.bytes;
    const into = register;
    register += Math.ceil(bytes / 4);
    if (register > NFT_REG32_00 + REGISTER_COUNT) throw unencodable('a key that the registers do not hold');
    if ('meta' in load) return { name: 'meta', values: { register: into, key: META[load.meta] } };
    const { base, at: offset } = load;
    return { name: 'payload', values: { register: into, base: BASES[base], offset, length: bytes } };
  });
}

/** `ip saddr 10.0.0.1`, `iifname != "lo"`: fewer bytes than are loaded are their beginning. */
export const compared = (
  load: Load,
  value: Uint8Array,
  how: keyof typeof COMPARISONS = '==',
): Expression[] => [
  ...loadAll([load]),
  { name: 'cmp', values: { register: NFT_REG32_00, how: COMPARISONS[how], data: { value } } },
];

/** `ether daddr set MAC` */
export const turnedTo = (mac: Uint8Array): Expression[] => [
  { name: 'immediate', values: { register: NFT_REG_1, data: { value: mac } } },
  { name: 'payload', values: { from: NFT_REG_1, base: BASES.link, offset: 0, length: mac.length } },
];

/** `meta mark set MARK` */
export const marked = (mark: Uint8Array): Expression[] => [
  { name: 'immediate', values: { register: NFT_REG_1, data: { value: mark } } },
  { name: 'meta', values: { from: NFT_REG_1, key: META.mark } },
];

/** `iifname . ip saddr @SET`; `isIn` false: `!= @SET`. */
export const lookedUp = (loads: readonly Load[], set: string, isIn = true): Expression[] => [
  ...loadAll(loads),
  { name: 'lookup', values: { register: NFT_REG32_00, set, ...(!isIn && { flags: NFT_LOOKUP_F_INV }) } },
];

/** `update @SET { iifname counter }`: makes the element when it is not there, and counts the packet by it. */
export const countedBy = (loads: readonly Load[], set: string): Expression[] => [
  ...loadAll(loads),
  { name: 'dynset', values: { register: NFT_REG32_00, operation: NFT_DYNSET_OP_UPDATE, set, each: true } },
];

/** `counter` */
export const counted: Expression = { name: 'counter', values: {} };

/**
 * `-m conntrack --ctstate RELATED,ESTABLISHED,DNAT`, as iptables writes and reads it: it gives up on a whole table that
 * has one rule with the `ct` of nft(8). struct xt_conntrack_mtinfo3 of linux/netfilter/xt_conntrack.h, and the states'
 * bits of it and of nf_conntrack_common.h.
 */
export function xtConntrack(): Expression {
  const XT_CONNTRACK_STATE = 1;
  const [ESTABLISHED, RELATED, DNAT] = [1 << 1, 1 << 2, 1 << 7];
  const info = Buffer.alloc(168);
  info.set(new Uint8Array(Uint16Array.of(XT_CONNTRACK_STATE).buffer), 146);
  info.set(new Uint8Array(Uint16Array.of(ESTABLISHED | RELATED | DNAT).buffer), 150);
  return { name: 'match', values: { name: 'conntrack', revision: 3, info } };
}

/** NFTA_RULE_EXPRESSIONS: a list of { name, data }, the data by the name's own table. */
export const expressions: Codec<readonly Expression[]> = {
  write(writer, list) {
    for (const { name, values } of list) {
      const item = writer.beginAttribute(1 | NLA_F_NESTED);
      writeFields(writer, element, { name });
      const data = writer.beginAttribute(2 | NLA_F_NESTED);
      // biome-ignore lint/suspicious/noExplicitAny: the table and its values come from the same entry
      writeFields(writer, DATA[name] as any, values as any);
      writer.endAttribute(data);
      writer.endAttribute(item);
    }
  },
  read: () => undefined,
};
