import { defineFields, field, readFields, string, u32 } from './attributes.ts';
import { type Message, messageTypeName, NLMSG, type Request, requireBody } from './message.ts';
import { HEADER_BYTES } from './message-writer.ts';
import { NetlinkError } from './netlink-error.ts';

/** linux/netlink.h: the answer does not repeat our message, or carries attributes of its own. */
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;

/** enum nlmsgerr_attrs, linux/netlink.h */
const errorFields = defineFields({
  text: field(1, string),
  offset: field(2, u32),
  missing: field(5, u32),
});

/**
 * What NLMSG_ERROR or NLMSG_DONE says about `request`: undefined when all went well, else the kernel's refusal with
 * its own text and the attribute it points at.
 */
export function readAcknowledgement(message: Message, request: Request): NetlinkError | undefined {
  if (message.type === NLMSG.DONE && message.body.length < 4) return undefined;
  const body = requireBody(message, 4);
  const errno = -body.readInt32LE(0);
  if (errno <= 0) return undefined;
  const { text, offset, missing } = readExtendedAck(message);
  return new NetlinkError({
    errno,
    request: messageTypeName(request.readUInt16LE(4)),
    text,
    attribute: offset === undefined ? undefined : { type: attributeType(request, offset), offset },
    missingAttribute: missing,
  });
}

function readExtendedAck(message: Message) {
  const { body, flags } = message;
  if (!(flags & NLM_F_ACK_TLVS)) return {};
  let at = 4;
  if (message.type === NLMSG.ERROR) {
    const repeated = flags & NLM_F_CAPPED ? HEADER_BYTES : requireBody(message, 8).readUInt32LE(4);
    at += (repeated + 3) & ~3;
  }
  return readFields(errorFields, body, Math.min(at, body.length), body.length);
}

/** The kernel points with an offset into our message; at the attribute's header, or at nothing of ours. */
function attributeType(request: Request, offset: number): number {
  return offset + 4 <= request.length ? request.readUInt16LE(offset + 2) & 0x3fff : 0;
}
