import { be32, defineFields, field, readFields } from '../attributes.ts';
import { type Message, type Request, requireBody } from '../message.ts';
import { writer } from '../message-writer.ts';
import { NFGENMSG_BYTES, NFT_MSG, startTables } from './message.ts';

/** NFTA_GEN_ID, linux/netfilter/nf_tables.h */
const generation = defineFields({ id: field(1, be32) });

/** Asks for the number that rises with each transaction of a namespace. Rules' own writes into sets do not count. */
export function encodeGetGeneration(): Request {
  startTables(NFT_MSG.GETGEN, 0);
  return writer.finish();
}

export function decodeGeneration(message: Message): number {
  const body = requireBody(message, NFGENMSG_BYTES);
  return readFields(generation, body, NFGENMSG_BYTES, body.length).id ?? 0;
}
