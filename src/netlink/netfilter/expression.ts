import {
  be32,
  type Codec,
  defineFields,
  field,
  NLA_F_NESTED,
  nest,
  raw,
  string,
  type ValuesOf,
  writeFields,
} from '../attributes.ts';

/*
 * Expressions of a rule, as `nft --debug=netlink` shows them: each loads something into register 1, or goes on only if
 * register 1 has that value, or ends in a verdict. enum and attribute numbers: linux/netfilter/nf_tables.h.
 */

const NFT_REG_1 = 1;
const NFT_REG_2 = 2;
const NFT_REG_VERDICT = 0;
const NFT_CMP_EQ = 0;
/** linux/netfilter.h */
const VERDICTS = { drop: 0, accept: 1 } as const;
/** enum nft_nat_types */
const NFT_NAT_DNAT = 1;
const NFPROTO_IPV4 = 2;

/** enum nft_payload_bases */
const BASES = { link: 0, network: 1, transport: 2 } as const;
/** enum nft_meta_keys */
const META = { mark: 3, iifname: 6, oifname: 7, l4proto: 16 } as const;

const meta = defineFields({ register: field(1, be32), key: field(2, be32) });
const payload = defineFields({
  register: field(1, be32),
  base: field(2, be32),
  offset: field(3, be32),
  length: field(4, be32),
});
const value = defineFields({ value: field(1, raw) });
const compare = defineFields({
  register: field(1, be32),
  how: field(2, be32),
  data: field(3 | NLA_F_NESTED, nest(value)),
});
const verdict = defineFields({ code: field(1, be32) });
const data = defineFields({ value: field(1, raw), verdict: field(2 | NLA_F_NESTED, nest(verdict)) });
const immediate = defineFields({
  register: field(1, be32),
  data: field(2 | NLA_F_NESTED, nest(data)),
});
const nat = defineFields({
  type: field(1, be32),
  family: field(2, be32),
  address: field(3, be32),
  port: field(5, be32),
});

const DATA = { meta, payload, cmp: compare, immediate, nat };

export type Expression = {
  [K in keyof typeof DATA]: {
    readonly name: K;
    readonly values: ValuesOf<(typeof DATA)[K]['table']>;
  };
}[keyof typeof DATA];

const metaIs = (key: keyof typeof META, bytes: Uint8Array): Expression[] => [
  { name: 'meta', values: { register: NFT_REG_1, key: META[key] } },
  { name: 'cmp', values: { register: NFT_REG_1, how: NFT_CMP_EQ, data: { value: bytes } } },
];

const ifname = (key: 'iifname' | 'oifname', name: string): Expression[] => {
  const padded = Buffer.alloc(16);
  padded.write(name, 'latin1');
  return metaIs(key, padded);
};

/** `iifname NAME` */
export const cameFrom = (name: string): Expression[] => ifname('iifname', name);
/** `oifname NAME` */
export const goesTo = (name: string): Expression[] => ifname('oifname', name);

/** `meta mark MARK`: in the host's byte order. */
export function isMarked(mark: number): Expression[] {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(mark);
  return metaIs('mark', bytes);
}

/** `meta l4proto PROTOCOL` */
export const speaks = (protocol: number): Expression[] => metaIs('l4proto', Uint8Array.of(protocol));

/** `@lh,96,16 0x0806`, `@nh,192,32 10.0.0.1`: those bytes, counted from the start of that header. */
export const bytesAre = (base: keyof typeof BASES, offset: number, bytes: Uint8Array): Expression[] => [
  {
    name: 'payload',
    values: { register: NFT_REG_1, base: BASES[base], offset, length: bytes.length },
  },
  { name: 'cmp', values: { register: NFT_REG_1, how: NFT_CMP_EQ, data: { value: bytes } } },
];

const verdictOf = (code: number): Expression => ({
  name: 'immediate',
  values: { register: NFT_REG_VERDICT, data: { verdict: { code } } },
});
export const drop = verdictOf(VERDICTS.drop);
export const accept = verdictOf(VERDICTS.accept);

/** `dnat to ADDRESS:PORT`: both as they are in a header, IPv4. */
export const dnatTo = (address: Uint8Array, port: Uint8Array): Expression[] => [
  { name: 'immediate', values: { register: NFT_REG_1, data: { value: address } } },
  { name: 'immediate', values: { register: NFT_REG_2, data: { value: port } } },
  {
    name: 'nat',
    values: { type: NFT_NAT_DNAT, family: NFPROTO_IPV4, address: NFT_REG_1, port: NFT_REG_2 },
  },
];

const element = defineFields({ name: field(1, string) });

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
