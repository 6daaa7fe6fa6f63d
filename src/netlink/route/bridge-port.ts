import {
  bool,
  defineFields,
  field,
  NLA_F_NESTED,
  nest,
  u8,
  u16,
  u32,
  type ValuesOf,
  writeFields,
} from '../attributes.ts';
import { NLM_F, type Request, RTM } from '../message.ts';
import { writer } from '../message-writer.ts';

/** linux/socket.h */
export const AF_BRIDGE = 7;
/** linux/if_link.h */
const IFLA_PROTINFO = 12;
/** linux/if_bridge.h: what STP says of a port. */
export const BR_STATE = { DISABLED: 0, LISTENING: 1, LEARNING: 2, FORWARDING: 3, BLOCKING: 4 } as const;

/**
 * IFLA_BRPORT_* of linux/if_link.h. What a bridge does with frames at one of its ports:
 * `bridge link set dev vxlan0 learning off flood on mcast_flood on bcast_flood on hairpin off`.
 */
export const bridgePortFields = defineFields({
  /** BR_STATE. Refused with ENETDOWN while the link is down or has no carrier. */
  state: field(1, u8),
  priority: field(2, u16),
  cost: field(3, u32),
  /** A frame may leave by the port it came in. */
  hairpin: field(4, bool),
  /** Source MACs of frames that come in become FDB entries. */
  learning: field(8, bool),
  /** Unicast to an unknown MAC leaves by this port. */
  unicastFlood: field(9, bool),
  mcastFlood: field(27, bool),
  bcastFlood: field(30, bool),
  /** The bridge answers ARP and ND itself where it can. */
  neighSuppress: field(32, bool),
  /** Frames never pass from one isolated port to another. */
  isolated: field(33, bool),
  /** Frames come in only from MACs that the bridge knows behind this very port. */
  locked: field(39, bool),
});

export type BridgePort = ValuesOf<typeof bridgePortFields.table>;

const protinfo = defineFields({ port: field(IFLA_PROTINFO | NLA_F_NESTED, nest(bridgePortFields)) });

/**
 * Sets flags of a bridge port (RTM_SETLINK, AF_BRIDGE). Idempotent; flags not given stay.
 * EOPNOTSUPP when the device is no bridge port, ENODEV when it is absent.
 */
export function encodeSetBridgePort(ifindex: number, port: BridgePort): Request {
  const body = writer.start(RTM.SETLINK, NLM_F.REQUEST, 16);
  writer.bytes[body] = AF_BRIDGE;
  writer.bytes.writeInt32LE(ifindex, body + 4);
  writeFields(writer, protinfo, { port });
  return writer.finish();
}
