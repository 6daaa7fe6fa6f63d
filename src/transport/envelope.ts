/*
 * The Connect protocol's stream: each message has a byte of flags and its length before it; the last one ends it, in JSON
 * (connectrpc.com/docs/protocol#streaming-rpcs).
 */
const HEAD_BYTES = 5;
export const END_OF_STREAM = 2;

export interface Envelope {
  readonly flags: number;
  readonly bytes: Buffer;
}

export function enveloped(flags: number, bytes: Uint8Array): Buffer {
  const whole = Buffer.allocUnsafe(HEAD_BYTES + bytes.length);
  whole[0] = flags;
  whole.writeUInt32BE(bytes.length, 1);
  whole.set(bytes, HEAD_BYTES);
  return whole;
}

/** Puts envelopes together from the pieces of a stream. */
export class EnvelopeReader {
  private pieces: Buffer[] = [];
  private size = 0;
  private wanted = HEAD_BYTES;

  /** The envelopes that are whole by now. */
  take(piece: Buffer): Envelope[] {
    this.pieces.push(piece);
    this.size += piece.length;
    const envelopes: Envelope[] = [];
    // A large one comes in many pieces: they are joined when it is whole.
    while (this.size >= this.wanted) {
      const all = this.pieces.length === 1 ? this.pieces[0]! : Buffer.concat(this.pieces);
      const end = HEAD_BYTES + all.readUInt32BE(1);
      if (all.length >= end) envelopes.push({ flags: all[0]!, bytes: all.subarray(HEAD_BYTES, end) });
      const rest = all.length >= end ? all.subarray(end) : all;
      this.wanted = all.length >= end ? HEAD_BYTES : end;
      [this.pieces, this.size] = [[rest], rest.length];
    }
    return envelopes;
  }
}
