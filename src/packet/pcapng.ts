import { concat } from './bytes.ts';

/**
 * Capture files for Wireshark and tcpdump (draft-ietf-opsawg-pcapng), little-endian. A file is one section header,
 * one interface description per interface, numbered from 0 in order, then packets; later interfaces may be described
 * between packets. The bytes may be appended to a file or pipe as they come.
 */

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LINKTYPE_ETHERNET = 1;
const OPT_IF_NAME = 2;
const OPT_IF_TSRESOL = 9;
/** libpcap's own maximum; it refuses files whose interfaces differ in this. */
const SNAP_LENGTH = 262_144;

export function encodeSectionHeader(): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setUint32(0, BYTE_ORDER_MAGIC, true);
  view.setUint16(4, 1, true); // version 1.0
  view.setBigInt64(8, -1n, true); // section length unknown: it is written as a stream
  return block(SECTION_HEADER, body);
}

/** `name` is shown by Wireshark, such as `h1:eth0`. Times are in nanoseconds. */
export function encodeInterfaceDescription(name: string): Uint8Array<ArrayBuffer> {
  const fixed = new Uint8Array(8);
  const view = new DataView(fixed.buffer);
  view.setUint16(0, LINKTYPE_ETHERNET, true);
  view.setUint32(4, SNAP_LENGTH, true);
  const options = [
    option(OPT_IF_NAME, new TextEncoder().encode(name)),
    option(OPT_IF_TSRESOL, Uint8Array.of(9)),
  ];
  return block(INTERFACE_DESCRIPTION, concat(fixed, ...options, option(0, new Uint8Array())));
}

/** One captured frame. `timeNs` is since the epoch; `originalLength` differs from the bytes' when the capture cut it. */
export function encodePacket(packet: {
  interfaceIndex: number;
  timeNs: bigint;
  bytes: Uint8Array;
  originalLength?: number;
}): Uint8Array<ArrayBuffer> {
  const fixed = new Uint8Array(20);
  const view = new DataView(fixed.buffer);
  view.setUint32(0, packet.interfaceIndex, true);
  view.setUint32(4, Number(packet.timeNs >> 32n), true);
  view.setUint32(8, Number(packet.timeNs & 0xffff_ffffn), true);
  view.setUint32(12, packet.bytes.length, true);
  view.setUint32(16, packet.originalLength ?? packet.bytes.length, true);
  return block(ENHANCED_PACKET, concat(fixed, padded(packet.bytes)));
}

/** Type, total length, body, total length again: readers can walk backwards. */
function block(type: number, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(8);
  const view = new DataView(head.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, body.length + 12, true);
  return concat(head, body, head.subarray(4));
}

function option(code: number, value: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(4);
  const view = new DataView(head.buffer);
  view.setUint16(0, code, true);
  view.setUint16(2, value.length, true);
  return concat(head, padded(value));
}

/** Filled up to a multiple of four bytes. */
function padded(bytes: Uint8Array): Uint8Array {
  return bytes.length % 4 === 0 ? bytes : concat(bytes, new Uint8Array(4 - (bytes.length % 4)));
}
