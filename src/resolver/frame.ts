/** RFC 1035, 4.2.2: over TCP each message has its length before it. */
const LENGTH_BYTES = 2;

export function framed(message: Buffer): Buffer {
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Puts messages together from the pieces of a stream. */
export class Unframer {
  private rest: Buffer = Buffer.alloc(0);

  /** The messages that are whole by now; each is a copy. */
  *take(chunk: Buffer): Generator<Buffer> {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    while (this.rest.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + this.rest.readUInt16BE(0);
      if (this.rest.length < end) return;
      const message = Buffer.from(this.rest.subarray(LENGTH_BYTES, end));
      this.rest = this.rest.subarray(end);
      yield message;
    }
  }
}
