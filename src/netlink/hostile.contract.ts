import { expect, test } from 'vitest';
import { type Message, readMessages } from './message.ts';
import { NetlinkError } from './netlink-error.ts';

/** What decoders make of captured messages that were cut or changed: a value or a NetlinkError, and soon. */
export function standHostileBytes(
  decoders: readonly ((message: Message) => unknown)[],
  captured: readonly string[],
): void {
  const everything = captured.map((hex) => Buffer.from(hex, 'hex'));

  /** Never a byte from behind the end, which is poisoned here. */
  function survives(bytes: Buffer): void {
    const memory = Buffer.alloc(bytes.length + 64, 0xee);
    bytes.copy(memory);
    const view = memory.subarray(0, bytes.length);
    for (const decode of decoders) {
      try {
        for (const message of readMessages(view))
          expect(`${JSON.stringify(decode(message))}`).not.toMatch(/ee:ee:ee|238,238,238|îîî/);
      } catch (error) {
        expect(error).toBeInstanceOf(NetlinkError);
        expect(error).toMatchObject({ code: 'EBADMSG', retryable: false });
      }
    }
  }

  test('cut anywhere, with the length as it was and with the length made to fit', () => {
    for (const bytes of everything) {
      for (let length = 0; length < Math.min(bytes.length, 250); length++) {
        survives(bytes.subarray(0, length));
        if (length < 4) continue;
        const fitted = Buffer.from(bytes.subarray(0, length));
        fitted.writeUInt32LE(length, 0);
        survives(fitted);
      }
    }
  });

  test('any byte changed', () => {
    let seed = 1;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (const bytes of everything) {
      for (let round = 0; round < 60; round++) {
        const changed = Buffer.from(bytes);
        for (let i = random(4); i >= 0; i--) changed[random(Math.min(changed.length, 1000))] = random(256);
        survives(changed);
      }
    }
  });
}
