import { defineFields, field, readFields, s32, u32, writeFields } from '../attributes.ts';
import { type Message, NLM_F, type Request, RTM, requireBody } from '../message.ts';
import { writer } from '../message-writer.ts';

/** struct rtgenmsg, linux/rtnetlink.h: u8 family, padded. */
const RTGENMSG_BYTES = 4;

/** NETNSA_*, linux/net_namespace.h */
const namespaceIdFields = defineFields({ nsid: field(1, s32), fd: field(3, u32) });

/** `ip netns set NAME 7`: numbers another namespace as seen from this one. EEXIST when it has a number already. */
export function encodeNewNamespaceId(fd: number, nsid: number): Request {
  return encode(RTM.NEWNSID, { nsid, fd });
}

/** Which number the namespace behind `fd` has here. */
export function encodeGetNamespaceId(fd: number): Request {
  return encode(RTM.GETNSID, { fd });
}

/** The number in an answer to `encodeGetNamespaceId`; -1 is none. */
export function decodeNamespaceId(message: Message): number {
  const body = requireBody(message, RTGENMSG_BYTES);
  return readFields(namespaceIdFields, body, RTGENMSG_BYTES, body.length).nsid ?? -1;
}

function encode(type: number, values: { nsid?: number; fd: number }): Request {
  writer.start(type, NLM_F.REQUEST, RTGENMSG_BYTES);
  writeFields(writer, namespaceIdFields, values);
  return writer.finish();
}
