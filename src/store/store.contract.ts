import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { put, type Revision, remove, type StoredRecord } from '#model/records.ts';
import type { CommitOutcome, Feed, Store } from './store.ts';
import { hostOf } from './testing/host-of.ts';

/** How a suite gets its stores; `open` again after `close` finds what was committed if the store is `durable`. */
export interface StoreFactory {
  open(): Promise<Store>;
  readonly durable: boolean;
  /** Removes what `open` left behind. */
  clean(): Promise<void>;
}

const byId = (records: readonly StoredRecord[]) => [...records].sort((a, b) => (a.id < b.id ? -1 : 1));

/** Collects what a watcher is given and waits for it. */
class Collector {
  readonly feeds: Feed[] = [];
  readonly onFeed = (feed: Feed): void => void this.feeds.push(feed);

  get revisions(): Revision[] {
    return this.feeds.map((feed) => (feed.feed === 'batch' ? feed.batch.revision : -feed.revision));
  }

  async settle(): Promise<void> {
    for (let seen = -1; seen !== this.feeds.length; ) {
      seen = this.feeds.length;
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  }
}

const upTo = (last: number, first = 1): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** What every {@link Store} promises. */
export function storeContract(name: string, makeFactory: () => StoreFactory): void {
  describe(name, () => {
    let factory: StoreFactory;
    let store: Store;
    let head: Revision;

    beforeEach(async () => {
      factory = makeFactory();
      store = await factory.open();
      head = 0;
    });
    afterEach(async () => {
      await store.close();
      await factory.clean();
    });

    const commit = async (...records: StoredRecord[]): Promise<Revision> => {
      expect(await store.commit(records.map(put), head)).toEqual({
        outcome: 'committed',
        revision: head + 1,
      });
      return ++head;
    };

    test('is empty at revision 0', async () => {
      expect(await store.read()).toEqual({ revision: 0, records: [] });
      expect(await store.readStatus()).toEqual(new Map());
    });

    test('reads back what was committed, each commit one revision', async () => {
      await commit(hostOf(1), hostOf(2));
      await commit(hostOf(3));
      const { revision, records } = await store.read();
      expect(revision).toBe(2);
      expect(byId(records)).toEqual([hostOf(1), hostOf(2), hostOf(3)]);
    });

    test('puts over, deletes, and deletes the absent', async () => {
      await commit(hostOf(1), hostOf(2));
      await commit(hostOf(1, 'renamed'));
      const changes = [remove(hostOf(2)), remove(hostOf(3)), put(hostOf(4)), remove(hostOf(4))];
      expect(await store.commit(changes, 2)).toEqual({ outcome: 'committed', revision: 3 });
      expect((await store.read()).records).toEqual([hostOf(1, 'renamed')]);
    });

    test('keeps a commit without changes as a revision', async () => {
      expect(await store.commit([], 0)).toEqual({ outcome: 'committed', revision: 1 });
      expect(await store.read()).toEqual({ revision: 1, records: [] });
    });

    test('keeps records apart by kind and id, whatever is in them', async () => {
      const strange = {
        ...hostOf(1),
        name: 'ä "\n\u0000\u2028 \\ 🦊',
        labels: { __proto__x: '', '': '/' },
      };
      await commit(strange);
      expect((await store.read()).records).toEqual([strange]);
    });

    test('refuses a commit on another head, old or never reached, and writes none of it', async () => {
      await commit(hostOf(1));
      await commit(hostOf(2));
      for (const expected of [0, 1, 3, -1, Number.NaN])
        expect(await store.commit([put(hostOf(9))], expected)).toEqual({ outcome: 'conflict', head: 2 });
      expect(byId((await store.read()).records)).toEqual([hostOf(1), hostOf(2)]);
    });

    test('lets exactly one of many who commit on the same head through', async () => {
      const outcomes = await Promise.all(upTo(20).map((n) => store.commit([put(hostOf(n))], 0)));
      const won = outcomes.flatMap((outcome, i) => (outcome.outcome === 'committed' ? [i + 1] : []));
      expect(won).toHaveLength(1);
      expect(await store.read()).toEqual({ revision: 1, records: [hostOf(won[0]!)] });
    });

    test('gives a watcher the past and then the present, in order', async () => {
      await commit(hostOf(1));
      await commit(hostOf(2));
      await commit(hostOf(3));
      const watcher = new Collector();
      const stop = store.watch(1, watcher.onFeed);
      expect(watcher.feeds, 'not called back before watch has returned').toEqual([]);
      await watcher.settle();
      await store.commit([remove(hostOf(1))], 3);
      await watcher.settle();
      stop();
      expect(watcher.feeds).toEqual([
        { feed: 'batch', batch: { revision: 2, changes: [put(hostOf(2))] } },
        { feed: 'batch', batch: { revision: 3, changes: [put(hostOf(3))] } },
        { feed: 'batch', batch: { revision: 4, changes: [remove({ kind: 'host', id: hostOf(1).id })] } },
      ]);
    });

    test('says nothing to a watcher at the head until somebody commits', async () => {
      await commit(hostOf(1));
      const watcher = new Collector();
      store.watch(1, watcher.onFeed);
      await watcher.settle();
      expect(watcher.feeds).toEqual([]);
      await commit(hostOf(2));
      await watcher.settle();
      expect(watcher.revisions).toEqual([2]);
    });

    test('leaves no gap and no double, wherever among concurrent commits a watch begins', async () => {
      const watchers: { since: Revision; watcher: Collector }[] = [];
      const commitMany = async (count: number) => {
        let done = 0;
        while (done < count) {
          const outcome: CommitOutcome = await store.commit([put(hostOf(done))], head);
          head = outcome.outcome === 'committed' ? outcome.revision : outcome.head;
          if (outcome.outcome === 'committed') done++;
          const since = (head * 7) % (head + 1);
          const watcher = new Collector();
          store.watch(since, watcher.onFeed);
          watchers.push({ since, watcher });
        }
      };
      await Promise.all([commitMany(20), commitMany(20), commitMany(20)]);
      await Promise.all(watchers.map(({ watcher }) => watcher.settle()));
      expect(head).toBe(60);
      for (const { since, watcher } of watchers) expect(watcher.revisions).toEqual(upTo(60, since + 1));
    });

    test('gives a past that is longer than one turn whole', async () => {
      while (head < 260) await commit(hostOf(head % 5));
      const watcher = new Collector();
      store.watch(0, watcher.onFeed);
      await watcher.settle();
      expect(watcher.revisions).toEqual(upTo(260));
    });

    test('stops a watcher at once, even from its own callback', async () => {
      for (const n of upTo(5)) await commit(hostOf(n));
      const [never, twice] = [new Collector(), new Collector()];
      store.watch(0, never.onFeed)();
      const stop = store.watch(0, (feed) => {
        twice.onFeed(feed);
        if (twice.feeds.length === 2) stop();
      });
      await twice.settle();
      await commit(hostOf(6));
      await twice.settle();
      expect(never.feeds).toEqual([]);
      expect(twice.revisions).toEqual([1, 2]);
      stop();
    });

    test('wipes a watcher that asks from before the log or from the future, then goes on', async () => {
      for (const n of upTo(5)) await commit(hostOf(n));
      await store.compact(3);
      const expected: [Revision, number[]][] = [
        [0, [-5, 6]],
        [2, [-5, 6]],
        [3, [4, 5, 6]],
        [5, [6]],
        [6, [-5, 6]],
        [99, [-5, 6]],
      ];
      const watchers = expected.map(([since]) => {
        const watcher = new Collector();
        store.watch(since, watcher.onFeed);
        return watcher;
      });
      await watchers[0]!.settle();
      await commit(hostOf(6));
      await Promise.all(watchers.map((watcher) => watcher.settle()));
      expect(watchers.map((watcher) => watcher.revisions)).toEqual(
        expected.map(([, revisions]) => revisions),
      );
      const wipe = watchers[0]!.feeds[0]!;
      expect(wipe.feed === 'wipe' && byId(wipe.records)).toEqual(upTo(5).map((n) => hostOf(n)));
    });

    test('wipes an empty store for a watcher from the future', async () => {
      const watcher = new Collector();
      store.watch(7, watcher.onFeed);
      await watcher.settle();
      expect(watcher.feeds).toEqual([{ feed: 'wipe', revision: 0, records: [] }]);
    });

    test('compacts the log and not the records, never forward into the future', async () => {
      for (const n of upTo(4)) await commit(hostOf(n));
      await store.compact(2);
      await store.compact(1);
      await store.compact(99);
      await commit(hostOf(5));
      const { revision, records } = await store.read();
      expect(revision).toBe(5);
      expect(records).toHaveLength(5);
      const watcher = new Collector();
      store.watch(4, watcher.onFeed);
      await watcher.settle();
      expect(watcher.revisions).toEqual([5]);
    });

    test('gives a watcher that a compaction overtakes a wipe instead of a gap', async () => {
      for (const n of upTo(3)) await commit(hostOf(n));
      const watcher = new Collector();
      store.watch(0, watcher.onFeed);
      await store.compact(2);
      await watcher.settle();
      const expected = watcher.feeds[0]!.feed === 'wipe' ? [-3] : [1, 2, 3];
      expect(watcher.revisions).toEqual(expected);
    });

    test('keeps status beside the records: last word wins, no revision moves, no watcher wakes', async () => {
      const watcher = new Collector();
      store.watch(0, watcher.onFeed);
      const writes = upTo(50).map((n) => store.putStatus('host/a', Uint8Array.of(n)));
      await Promise.all([
        ...writes,
        store.putStatus('host/b', Uint8Array.of()),
        store.deleteStatus('host/c'),
      ]);
      expect(await store.readStatus()).toEqual(
        new Map([
          ['host/a', Uint8Array.of(50)],
          ['host/b', Uint8Array.of()],
        ]),
      );
      await Promise.all([store.putStatus('host/b', Uint8Array.of(9)), store.deleteStatus('host/b')]);
      await store.deleteStatus('host/b');
      expect([...(await store.readStatus()).keys()]).toEqual(['host/a']);
      await watcher.settle();
      expect(watcher.feeds).toEqual([]);
      expect(await store.read()).toEqual({ revision: 0, records: [] });
    });

    test('keeps its own copy of a status', async () => {
      const given = Uint8Array.of(1, 2, 3);
      const written = store.putStatus('a', given);
      given.fill(0);
      await written;
      expect((await store.readStatus()).get('a')).toEqual(Uint8Array.of(1, 2, 3));
    });

    test('refuses everything once closed; closing twice is nothing; watchers fall silent', async () => {
      const watcher = new Collector();
      store.watch(0, watcher.onFeed);
      await commit(hostOf(1));
      await Promise.all([store.close(), store.close()]);
      const closed = expect.objectContaining({ name: 'StoreError', code: 'closed', retryable: false });
      await expect(store.read()).rejects.toEqual(closed);
      await expect(store.commit([], 1)).rejects.toEqual(closed);
      await expect(store.compact(1)).rejects.toEqual(closed);
      await expect(store.putStatus('a', Uint8Array.of())).rejects.toEqual(closed);
      await expect(store.readStatus()).rejects.toEqual(closed);
      await expect(store.deleteStatus('a')).rejects.toEqual(closed);
      expect(() => store.watch(0, watcher.onFeed)).toThrow(closed);
      await watcher.settle();
      expect(watcher.feeds).toEqual([]);
    });

    test('finishes what was begun before it closes', async () => {
      const begun = [
        store.commit([put(hostOf(1))], 0),
        store.commit([], 0),
        store.commit([put(hostOf(2))], 1),
      ];
      const [first, second, third] = await Promise.all([...begun, store.close()]);
      expect(first).toEqual({ outcome: 'committed', revision: 1 });
      expect(second).toEqual({ outcome: 'conflict', head: 1 });
      expect(third).toEqual({ outcome: 'committed', revision: 2 });
      if (!factory.durable) return;
      store = await factory.open();
      expect((await store.read()).revision).toBe(2);
    });

    test('finds everything again after it was closed and opened', async () => {
      if (!factory.durable) return;
      for (const n of upTo(4)) await commit(hostOf(n));
      await store.compact(2);
      await Promise.all([store.putStatus('a', Uint8Array.of(7)), store.close()]);
      store = await factory.open();
      expect((await store.read()).revision).toBe(4);
      expect(byId((await store.read()).records)).toEqual(upTo(4).map((n) => hostOf(n)));
      expect(await store.readStatus()).toEqual(new Map([['a', Uint8Array.of(7)]]));
      const [whole, wiped] = [new Collector(), new Collector()];
      store.watch(2, whole.onFeed);
      store.watch(1, wiped.onFeed);
      await commit(hostOf(5));
      await whole.settle();
      await wiped.settle();
      expect(whole.revisions).toEqual([3, 4, 5]);
      expect(wiped.revisions[0]).toBeLessThan(0);
    });
  });
}
