import { expect, test } from 'vitest';
import { framed, Unframer } from './frame.ts';

test.each([1, 2, 3, 7, 100])('messages are put together from pieces of %i bytes', (size) => {
  const messages = ['', 'a', 'hello', 'x'.repeat(300)].map((text) => Buffer.from(text));
  const stream = Buffer.concat(messages.map(framed));
  const unframer = new Unframer();
  const seen: Buffer[] = [];
  for (let at = 0; at < stream.length; at += size)
    seen.push(...unframer.take(stream.subarray(at, at + size)));
  expect(seen).toEqual(messages);
});
