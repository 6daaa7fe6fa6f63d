import { performance } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { deleteLinks } from '#netlink/delete-links.ts';
import { encodeNewLink } from '#netlink/route/link.ts';
import { type TestNamespace, withNamespaces } from './netlink-lab.ts';

const DOOMED = 666;

function veths({ conversation }: TestNamespace, count: number, group?: number): void {
  const outcomes = conversation.batch(
    Array.from({ length: count }, (_, n) =>
      encodeNewLink({ name: `v${n}`, group, kind: 'veth', peer: { name: `w${n}` } }),
    ),
  );
  expect(outcomes.filter(Boolean)).toEqual([]);
}

/** Longest time that the event loop stood still while `work` went on. */
async function longestPause(work: Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  const tick = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 1);
    last = now;
  }, 1);
  await work;
  clearInterval(tick);
  return longest;
}

test('single deletes, with an absent one among them, leave the event loop free', () =>
  withNamespaces(1, async (ns) => {
    veths(ns, 20);
    const targets = [
      ...Array.from({ length: 20 }, (_, n) => ({ name: `v${n}` })),
      { name: 'absent' },
      { index: 99999 },
    ];
    const started = performance.now();
    const deleting = deleteLinks(targets, ns.fd);
    const pause = await longestPause(deleting);
    const took = performance.now() - started;
    const outcomes = await deleting;
    expect(outcomes.map((outcome) => outcome?.code)).toEqual([
      ...new Array(20).fill(undefined),
      'ENODEV',
      'ENODEV',
    ]);
    expect(ns.ip('link')).toHaveLength(1);
    // On this thread all of it would be one pause.
    expect(pause).toBeLessThan(took / 2);
  }));

test('a group goes in one piece; writing goes on meanwhile', () =>
  withNamespaces(2, async (ns, other) => {
    veths(ns, 20, DOOMED);
    ns.conversation.request(encodeNewLink({ name: 'stays', kind: 'bridge' }));
    const deleting = deleteLinks([{ group: DOOMED }], ns.fd);
    other.conversation.request(encodeNewLink({ name: 'br0', kind: 'bridge' }));
    expect(await deleting).toEqual([undefined]);
    expect(ns.ip('link').map((row: { ifname: string }) => row.ifname)).toEqual(['lo', 'stays']);
    expect((await deleteLinks([{ group: DOOMED }], ns.fd))[0]?.code).toBe('ENODEV');
  }));

test('several at once keep apart', () =>
  withNamespaces(2, async (one, two) => {
    veths(one, 5);
    veths(two, 5);
    const results = await Promise.all([
      deleteLinks([{ name: 'v0' }, { name: 'nope' }], one.fd),
      deleteLinks([{ name: 'nope' }, { name: 'v1' }], two.fd),
    ]);
    expect(results.map((outcomes) => outcomes.map((outcome) => outcome?.code))).toEqual([
      [undefined, 'ENODEV'],
      ['ENODEV', undefined],
    ]);
    expect(one.ip('link')).toHaveLength(1 + 8);
    expect(two.ip('link').some((row: { ifname: string }) => row.ifname === 'v1')).toBe(false);
  }));
