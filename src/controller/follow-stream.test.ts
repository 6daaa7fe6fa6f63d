import { expect, test } from 'vitest';
import { FollowStream } from './follow-stream.ts';

test('who is connected and does not read costs no more than the bound, and is told when it reads again', async () => {
  const stream = new FollowStream();
  const delta = (revision: number) =>
    stream.send({ message: 'delta', changes: [], forgottenNetworks: [], revision });
  const messages = stream.messages(new AbortController().signal, () => {});
  delta(1);
  await messages.next();
  for (let revision = 2; revision < 30_000; revision++) delta(revision);
  expect((stream as unknown as { waiting: unknown[] }).waiting).toHaveLength(0);
  await expect(messages.next()).rejects.toThrow('reads too slowly');
});
