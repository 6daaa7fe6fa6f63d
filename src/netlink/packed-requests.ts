import { NLM_F, type Request } from './message.ts';

/** Most bytes of one send. */
export const SEND_BYTES = 32 * 1024;

/** Messages one after the other, as they are sent: for rows, of which there are thousands. */
export class PackedRequests {
  readonly bytes = Buffer.allocUnsafeSlow(SEND_BYTES);
  /** The same bytes; each message begins at a multiple of four. */
  readonly words = new Uint32Array(this.bytes.buffer);
  length = 0;
  count = 0;

  /** Where the next message goes; who writes it calls `end`. */
  hasRoom(bytes: number): boolean {
    return this.length + bytes <= SEND_BYTES;
  }

  end(length: number): void {
    this.words[this.length >> 2] = length;
    this.length = (this.length + length + 3) & ~3;
    this.count++;
  }

  clear(): void {
    this.length = 0;
    this.count = 0;
  }

  /** Gives the messages consecutive numbers; the last one asks for an acknowledgement, which comes after all refusals. */
  stamp(firstSequence: number): void {
    const { words, count } = this;
    for (let i = 0, at = 0; i < count; i++) {
      words[at + 2] = firstSequence + i;
      if (i === count - 1) words[at + 1]! |= NLM_F.ACK << 16;
      at += (words[at]! + 3) >> 2;
    }
  }

  /** A copy of one of them. */
  get(index: number): Request {
    let at = 0;
    for (let i = 0; i < index; i++) at += (this.words[at >> 2]! + 3) & ~3;
    return Buffer.from(this.bytes.subarray(at, at + this.words[at >> 2]!));
  }
}
