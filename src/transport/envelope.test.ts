import { expect, test } from 'vitest';
import { EnvelopeReader, enveloped } from './envelope.ts';

test.each([1, 2, 3, 7, 100, 10_000])('envelopes are put together from pieces of %i bytes', (size) => {
  const sent = [
    { flags: 0, bytes: Buffer.from('') },
    { flags: 0, bytes: Buffer.from('hello') },
    { flags: 0, bytes: Buffer.from('x'.repeat(300)) },
    { flags: 2, bytes: Buffer.from('{}') },
  ];
  const stream = Buffer.concat(sent.map(({ flags, bytes }) => enveloped(flags, bytes)));
  const reader = new EnvelopeReader();
  const seen = [];
  for (let at = 0; at < stream.length; at += size) seen.push(...reader.take(stream.subarray(at, at + size)));
  expect(seen).toEqual(sent);
});
