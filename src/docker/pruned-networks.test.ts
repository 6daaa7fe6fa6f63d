import { beforeEach, expect, test } from 'vitest';
import { prunedNetworks } from './pruned-networks.ts';
import { begin, beginAnew, book, call, copyOf, door, N1, N2 } from './test-drivers.ts';

beforeEach(beginAnew);

const event = (Action: string, ID: string, second: number) => ({
  Type: 'network',
  Action,
  Actor: { ID },
  timeNano: second * 1e9,
});

test('what went shortly before a prune went by it, and nothing else', () => {
  const events = [
    event('destroy', 'old', 100),
    event('destroy', 'n1', 111),
    event('destroy', 'n2', 112),
    event('prune', '', 112),
    event('destroy', 'late', 113),
  ];
  expect([...prunedNetworks(events)]).toEqual(['n1', 'n2']);
  expect(prunedNetworks(events.slice(0, 3)).size).toBe(0);
});

test('what a prune removes does not stay away, whoever hears of which first, and after a restart', async () => {
  await copyOf('app', '10.1.0.0/16');
  const { id } = door.made[0]!;
  await call('NetworkDriver.DeleteNetwork', { NetworkID: N1 });
  begin();
  await book.acceptPruned(new Set([N2!]));
  expect(book.isDeclined(id)).toBe(true);
  await book.acceptPruned(new Set([N1!]));
  expect(book.isDeclined(id)).toBe(false);
  await book.decline(id, N1!);
  expect(book.isDeclined(id)).toBe(false);
  await book.decline(id, N2!);
  expect(book.isDeclined(id)).toBe(true);
});
