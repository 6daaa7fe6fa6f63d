import { NLM_F, type Request } from '../message.ts';
import { writer } from '../message-writer.ts';

/** struct nfgenmsg, linux/netfilter/nfnetlink.h: u8 family, u8 version 0, be16 resource. */
export const NFGENMSG_BYTES = 4;

/** linux/netfilter/nfnetlink.h: what is between these two is one transaction of the subsystem in `resource`. */
const NFNL_MSG_BATCH = { BEGIN: 0x10, END: 0x11 } as const;
const NFNL_SUBSYS_NFTABLES = 10;

/** linux/netfilter.h: NFPROTO_*, the address family of a table. */
const SEEN_FAMILIES = { inet: 1, ip: 2, bridge: 7, ip6: 10 } as const;
const FAMILIES = { ...SEEN_FAMILIES, netdev: 5 } as const;
/** Those that are told apart when they are read back. */
export type SeenFamily = keyof typeof SEEN_FAMILIES;
export type TableFamily = keyof typeof FAMILIES;
const FAMILY_NAMES = new Map(
  Object.entries(SEEN_FAMILIES).map(([name, number]) => [number as number, name as SeenFamily]),
);

export const encodeTransactionBegin = (): Request => encodeFrame(NFNL_MSG_BATCH.BEGIN);
export const encodeTransactionEnd = (): Request => encodeFrame(NFNL_MSG_BATCH.END);

function encodeFrame(type: number): Request {
  const body = writer.start(type, NLM_F.REQUEST, NFGENMSG_BYTES);
  writer.bytes.writeUInt16BE(NFNL_SUBSYS_NFTABLES, body + 2);
  return writer.finish();
}

/** enum nf_tables_msg_types, linux/netfilter/nf_tables.h */
export const NFT_MSG = {
  NEWTABLE: 0,
  GETTABLE: 1,
  DELTABLE: 2,
  NEWCHAIN: 3,
  GETCHAIN: 4,
  DELCHAIN: 5,
  NEWRULE: 6,
  GETRULE: 7,
  DELRULE: 8,
  NEWSET: 9,
  GETSET: 10,
  DELSET: 11,
  NEWSETELEM: 12,
  GETSETELEM: 13,
  DELSETELEM: 14,
  GETGEN: 16,
} as const;

/** Begins a message of nf_tables; attributes follow. Without a family all of them are meant. */
export function startTables(type: number, flags: number, family?: TableFamily): void {
  const body = writer.start((NFNL_SUBSYS_NFTABLES << 8) | type, NLM_F.REQUEST | flags, NFGENMSG_BYTES);
  writer.bytes[body] = family === undefined ? 0 : FAMILIES[family];
}

/** Undefined for the others (`arp`, `netdev`). */
export const familyOfBody = (body: Buffer): SeenFamily | undefined => FAMILY_NAMES.get(body[0]!);
