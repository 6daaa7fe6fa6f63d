import { type ReceivedMessage, u16At } from '../message.ts';
import { malformed } from '../netlink-error.ts';

/** NDA_*, linux/neighbour.h: how often it was asked for, and when it was used last. */
const NDA_CACHEINFO = 3;
const NDA_PROBES = 4;

/** ndm_state, in struct ndmsg. */
export const rowStateOf = ({ datagram, start }: ReceivedMessage): number => u16At(datagram, start + 8);

let words: Int32Array = new Int32Array();

/**
 * A number for a neighbour or FDB row as the kernel tells it, but for what becomes of it with the traffic. It is read
 * by words, as there can be some hundred thousand: `received` by a conversation, whose messages lie on whole ones.
 */
export function hashRow({ datagram, start, end }: ReceivedMessage): number {
  if (words.buffer !== datagram.buffer)
    words = new Int32Array(datagram.buffer, 0, datagram.buffer.byteLength >> 2);
  // struct ndmsg: the family, of which the asker knows, ifindex, then state, flags and type.
  const row = start >> 2;
  let hash = mix(words[row + 1]!, words[row + 2]!);
  for (let at = row + 3; at < end >> 2; ) {
    const head = words[at]!;
    const bytes = head & 0xffff;
    if (bytes < 4 || at * 4 + bytes > end)
      throw malformed(`an attribute of ${bytes} bytes where ${end - at * 4} are left`);
    const next = at + ((bytes + 3) >> 2);
    const type = head >>> 16;
    if (type !== NDA_CACHEINFO && type !== NDA_PROBES)
      for (let word = at; word < next; word++) hash = mix(hash, words[word]!);
    at = next;
  }
  return hash;
}

/** A step of MurmurHash3, finished so that sums do not cancel out. */
export function mix(hash: number, word: number): number {
  let mixed = Math.imul(hash ^ Math.imul(word, 0xcc9e2d51), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
