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
  const heard = () => false;
  expect([...prunedNetworks(events, heard)].sort()).toEqual(['n1', 'n2']);
  expect(prunedNetworks(events.slice(0, 3), heard).size).toBe(0);
});

// As 20.10 and 28.5 tell it, when nobody answers for the driver: n2 has two families, b1 is a bridge network.
test('what went by it with no driver to ask, each after the time that Docker waits for one, went by it too', () => {
  const events = [
    event('destroy', 'heard', 85),
    event('destroy', 'long ago', 0),
    event('destroy', 'n1', 100),
    event('destroy', 'b1', 100.1),
    event('destroy', 'n2', 175),
    event('destroy', 'n3', 220),
    event('prune', '', 220),
  ];
  const isMissed = (id: string) => id.startsWith('n') || id === 'long ago';
  expect([...prunedNetworks(events, isMissed)].sort()).toEqual(['n1', 'n2', 'n3']);
  const backMeanwhile = [
    event('destroy', 'n1', 100),
    event('destroy', 'heard', 115),
    event('prune', '', 115),
  ];
  expect([...prunedNetworks(backMeanwhile, isMissed)].sort()).toEqual(['heard', 'n1']);
  expect(prunedNetworks(events.slice(0, -1), isMissed).size).toBe(0);
});

test('a copy counts as gone with nobody told when it is found gone, and not when Docker says so', async () => {
  await copyOf('app', '10.1.0.0/16');
  expect(book.isMissed(N1!)).toBe(true);
  await book.miss(N1!, door.made[0]!.id);
  expect([book.isMissed(N1!), book.isDeclined(door.made[0]!.id), book.get(N1!)]).toEqual([
    true,
    true,
    undefined,
  ]);
  beginAnew();
  await copyOf('app', '10.1.0.0/16');
  await call('NetworkDriver.DeleteNetwork', { NetworkID: N1 });
  expect(book.isMissed(N1!)).toBe(false);
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
