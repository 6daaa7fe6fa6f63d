import {
  be16,
  be32,
  defineFields,
  field,
  ip,
  NLA_F_NESTED,
  nest,
  readFields,
  u8,
  writeFields,
} from '../attributes.ts';
import type { Conversation } from '../conversation.ts';
import { AF_INET } from '../ip-text.ts';
import { type Message, NLM_F, type Request, requireBody } from '../message.ts';
import { writer } from '../message-writer.ts';
import { NFGENMSG_BYTES } from './message.ts';

/** linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h: enum cntl_msg_types, ctattr_type, ctattr_tuple and below, ctattr_stats_global. */
const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT = { GET: 1, DELETE: 2, GET_STATS: 5 } as const;

const addresses = defineFields({ source: field(1, ip), destination: field(2, ip) });
const protocol = defineFields({
  number: field(1, u8),
  sourcePort: field(2, be16),
  destinationPort: field(3, be16),
});
const tuple = defineFields({
  ip: field(1 | NLA_F_NESTED, nest(addresses)),
  protocol: field(2 | NLA_F_NESTED, nest(protocol)),
});
const flow = defineFields({ original: field(1 | NLA_F_NESTED, nest(tuple)) });
const statistics = defineFields({ flows: field(1, be32) });

/** Where the first packet of a flow went. */
export interface FlowTarget {
  readonly destination: string;
  readonly protocol: number;
  readonly port: number;
}

/**
 * `conntrack -D -f ipv4 -d DESTINATION -p PROTOCOL --dport PORT`: the next packet of such a flow counts as its first,
 * and rules that translate addresses are asked again. Says how many there were. IPv4.
 *
 * The kernel dumps a namespace's flows by going through those of all, bucket by bucket, which takes it milliseconds:
 * not where there is none.
 */
export function forgetFlows(conversation: Conversation, target: FlowTarget): number {
  if (countFlows(conversation) === 0) return 0;
  const flows = conversation.dump(encodeDump(), decodeFlow).filter((each) => isTo(each, target));
  // One that has ended by itself meanwhile is as good.
  conversation.batch(flows.map(encodeDelete));
  return flows.length;
}

/** Of all families. */
function countFlows(conversation: Conversation): number {
  start(IPCTNL_MSG_CT.GET_STATS);
  const body = requireBody(conversation.ask(writer.finish()), NFGENMSG_BYTES);
  return readFields(statistics, body, NFGENMSG_BYTES, body.length).flows ?? 0;
}

type Flow = ReturnType<typeof decodeFlow>;

function decodeFlow(message: Message) {
  const body = requireBody(message, NFGENMSG_BYTES);
  return readFields(flow, body, NFGENMSG_BYTES, body.length).original;
}

const isTo = (seen: Flow, { destination, protocol, port }: FlowTarget): boolean =>
  seen?.ip?.destination === destination &&
  seen.protocol?.number === protocol &&
  seen.protocol.destinationPort === port;

function encodeDump(): Request {
  start(IPCTNL_MSG_CT.GET);
  return writer.finish();
}

function encodeDelete(original: Flow): Request {
  start(IPCTNL_MSG_CT.DELETE);
  writeFields(writer, flow, { original });
  return writer.finish();
}

function start(type: number): void {
  const body = writer.start((NFNL_SUBSYS_CTNETLINK << 8) | type, NLM_F.REQUEST, NFGENMSG_BYTES);
  writer.bytes[body] = AF_INET;
}
