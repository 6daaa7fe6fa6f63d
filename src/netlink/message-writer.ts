import { unencodable } from './netlink-error.ts';

/** struct nlmsghdr, linux/netlink.h: u32 len, u16 type, u16 flags, u32 seq, u32 pid. */
export const HEADER_BYTES = 16;
const MAX_MESSAGE_BYTES = 64 * 1024;

/**
 * Builds one message: `start`, the fixed body, attributes, `finish`.
 * All numbers are little endian, as the hosts are (`libc.ts` refuses others).
 */
export class MessageWriter {
  readonly bytes = Buffer.allocUnsafeSlow(MAX_MESSAGE_BYTES);
  #at = 0;

  /** Begins a message with a zeroed fixed body of `bodyBytes` and returns the offset of that body. */
  start(type: number, flags: number, bodyBytes: number): number {
    this.#at = HEADER_BYTES + bodyBytes;
    for (let i = 0; i < this.#at; i++) this.bytes[i] = 0;
    this.bytes.writeUInt16LE(type, 4);
    this.bytes.writeUInt16LE(flags, 6);
    return HEADER_BYTES;
  }

  /** The message as bytes of its own; sequence number and port are still 0. */
  finish(): Buffer {
    this.bytes.writeUInt32LE(this.#at, 0);
    const message = Buffer.allocUnsafe(this.#at);
    this.bytes.copy(message, 0, 0, this.#at);
    return message;
  }

  /** Opens an attribute (or nest); pass the result to `endAttribute`. */
  beginAttribute(type: number): number {
    const at = this.take(4);
    this.bytes.writeUInt16LE(type, at + 2);
    return at;
  }

  endAttribute(start: number): void {
    const length = this.#at - start;
    if (length > 0xffff) throw unencodable(`an attribute of ${length} bytes`);
    this.bytes.writeUInt16LE(length, start);
    for (let padding = -length & 3; padding > 0; padding--) this.bytes[this.take(1)] = 0;
  }

  /** Reserves bytes and returns their offset; the caller writes all of them. */
  take(count: number): number {
    const at = this.#at;
    if (at + count > MAX_MESSAGE_BYTES) throw unencodable(`a message over ${MAX_MESSAGE_BYTES} bytes`);
    this.#at = at + count;
    return at;
  }

  u8(value: number): void {
    this.bytes[this.take(1)] = inRange(value, 0xff);
  }

  u16(value: number): void {
    this.bytes.writeUInt16LE(inRange(value, 0xffff), this.take(2));
  }

  be16(value: number): void {
    this.bytes.writeUInt16BE(inRange(value, 0xffff), this.take(2));
  }

  u32(value: number): void {
    this.bytes.writeUInt32LE(inRange(value, 0xffffffff), this.take(4));
  }

  be32(value: number): void {
    this.bytes.writeUInt32BE(inRange(value, 0xffffffff), this.take(4));
  }

  raw(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.take(bytes.length));
  }

  /** NUL-terminated UTF-8. */
  text(value: string): void {
    const length = Buffer.byteLength(value);
    const at = this.take(length + 1);
    this.bytes.write(value, at, length, 'utf8');
    this.bytes[at + length] = 0;
  }
}

/** A port of 65536 must be an error, not port 0. */
function inRange(value: number, max: number): number {
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw unencodable(`${value} is not within 0..${max}`);
  return value;
}

/** Encoders are synchronous, so all of them share this one. */
export const writer = new MessageWriter();
