/*
 * The ring of blocks that the kernel fills with frames: TPACKET_V3 of linux/if_packet.h, offsets from there.
 * One pass hands over every block that is ours, frame by frame, and gives it back.
 */

export interface CapturedFrame {
  /** Since the epoch, by the kernel's clock at the moment the frame passed. */
  timeNs: bigint;
  /** From the Ethernet header on, at most `snapLength` of it. */
  bytes: Buffer;
  /** Its length on the wire. */
  originalLength: number;
  /** Sent by this host (PACKET_OUTGOING) rather than received. */
  outgoing: boolean;
}

/** tpacket_block_desc */
const BLOCK = { status: 8, packets: 12, firstPacket: 16 } as const;
/** tpacket3_hdr; the sockaddr_ll behind it tells the direction at its offset 10. */
const FRAME = {
  next: 0,
  sec: 4,
  nsec: 8,
  captured: 12,
  length: 16,
  status: 20,
  mac: 24,
  vlanTci: 32,
  vlanTpid: 36,
} as const;
const FRAME_HEADER_BYTES = 48;
const LINK_LAYER_TYPE = FRAME_HEADER_BYTES + 10;

const TP_STATUS_KERNEL = 0;
const TP_STATUS_USER = 1;
const TP_STATUS_VLAN_VALID = 1 << 4;
const TP_STATUS_VLAN_TPID_VALID = 1 << 6;
const PACKET_OUTGOING = 4;
/** linux/if_ether.h */
const ETH_P_8021Q = 0x8100;
const MAC_ADDRESSES_BYTES = 12;

export interface PacketRing {
  /** Calls back for each frame that has come, in order; its bytes are valid during the call. */
  read(onFrame: (frame: CapturedFrame) => void): void;
}

/**
 * Reads the ring in `memory`, which the kernel writes at the same time. `isOpen` is asked before each look: the
 * callback may close the capture, and then the memory is gone.
 */
export function packetRing(memory: ArrayBuffer, blockBytes: number, isOpen: () => boolean): PacketRing {
  const bytes = Buffer.from(memory);
  // Atomic, since the status is what orders the kernel's writes and our reads.
  const words = new Int32Array(memory);
  const blocks = memory.byteLength / blockBytes;
  let current = 0;

  function readBlock(block: number, onFrame: (frame: CapturedFrame) => void): void {
    let at = block + bytes.readUInt32LE(block + BLOCK.firstPacket);
    const packets = bytes.readUInt32LE(block + BLOCK.packets);
    for (let i = 0; i < packets && isOpen(); i++) {
      const next = at + bytes.readUInt32LE(at + FRAME.next);
      onFrame(readFrame(bytes, at));
      at = next;
    }
  }

  return {
    read(onFrame) {
      for (let turn = 0; turn < blocks && isOpen(); turn++) {
        const block = current * blockBytes;
        const status = (block + BLOCK.status) / 4;
        if ((Atomics.load(words, status) & TP_STATUS_USER) === 0) return;
        readBlock(block, onFrame);
        if (!isOpen()) return;
        Atomics.store(words, status, TP_STATUS_KERNEL);
        current = (current + 1) % blocks;
      }
    },
  };
}

function readFrame(bytes: Buffer, at: number): CapturedFrame {
  const start = at + bytes.readUInt16LE(at + FRAME.mac);
  const frame = bytes.subarray(start, start + bytes.readUInt32LE(at + FRAME.captured));
  const status = bytes.readUInt32LE(at + FRAME.status);
  const tagged = (status & TP_STATUS_VLAN_VALID) !== 0 && frame.length >= MAC_ADDRESSES_BYTES;
  return {
    timeNs:
      BigInt(bytes.readUInt32LE(at + FRAME.sec)) * 1_000_000_000n +
      BigInt(bytes.readUInt32LE(at + FRAME.nsec)),
    bytes: tagged ? withTag(frame, bytes, at, status) : frame,
    originalLength: bytes.readUInt32LE(at + FRAME.length) + (tagged ? 4 : 0),
    outgoing: bytes[at + LINK_LAYER_TYPE] === PACKET_OUTGOING,
  };
}

/** The kernel takes the 802.1Q tag out of the frame and tells it aside; on the wire it was behind the MACs. */
function withTag(frame: Buffer, bytes: Buffer, at: number, status: number): Buffer {
  const tag = Buffer.alloc(4);
  const tpid = status & TP_STATUS_VLAN_TPID_VALID ? bytes.readUInt16LE(at + FRAME.vlanTpid) : ETH_P_8021Q;
  tag.writeUInt16BE(tpid, 0);
  tag.writeUInt16BE(bytes.readUInt32LE(at + FRAME.vlanTci) & 0xffff, 2);
  return Buffer.concat([frame.subarray(0, MAC_ADDRESSES_BYTES), tag, frame.subarray(MAC_ADDRESSES_BYTES)]);
}
