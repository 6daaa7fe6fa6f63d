import { expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import { fault, reject } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Attachment } from './attachment.ts';
import { keepJournal, noteWritten } from './keep-journal.ts';
import { createAgentState } from './state.ts';
import { TestCluster } from './test-cluster.ts';

const ID = '01J00000000000000000000001' as Id;

test('what somebody waits for is not held up by what nobody waits for', () => {
  const state = createAgentState({
    bootId: 'boot',
    name: 'h1',
    host: '01J00000000000000000000002' as Id,
    attachments: [],
    handingBack: [],
  });
  const note = (more: Partial<Attachment>) => {
    state.attachments.set(ID, { entry: 'attachment', ...more } as Attachment);
    return state.attachments.get(ID)!;
  };

  const moved = note({ sandboxPath: '/run/docker/netns/s1' });
  expect(keepJournal(state, ID)).toMatchObject([{ entry: moved, manner: undefined }]);
  const told = note({ ...moved, published: true });
  expect(keepJournal(state, ID, 'patient')).toMatchObject([{ entry: told, manner: undefined }]);
  noteWritten(state, ID, moved);
  expect(state.unwritten.get(ID)).toBe('writing');
  noteWritten(state, ID, told);
  expect(state.unwritten.size).toBe(0);

  const again = note({ ...told, since: 7 });
  expect(keepJournal(state, ID, 'patient')).toMatchObject([{ entry: again, manner: 'patient' }]);
});

test('a journal that cannot be written, as on a file system that became read-only, is told of until it can', async () => {
  const cluster = new TestCluster();
  const h1 = cluster.agent('h1');
  await cluster.settle();
  cluster.controller.grant(createNetwork('app'));
  const { id } = await cluster.attached(h1, 'app', '/c1');
  await cluster.settle(1_000);
  const notices = () => h1.state.status?.notices;
  h1.holding = 'journal-delete';
  h1.detach({ endpoint: id });
  await cluster.settle();
  expect(h1.state.unwritten.get(id)).toBe('writing');
  expect(notices()).toEqual([]);
  const rejection = reject('unavailable', fault('journal', 'unreadable', '/j: EROFS', 'mount it'));
  h1.dispatch({ event: 'journal-failed', key: id, rejection });
  expect(notices()).toMatchObject([
    { code: 'journal-unwritten', sentence: expect.stringContaining('/j: EROFS'), next: 'mount it.' },
  ]);
  h1.letGo();
  await cluster.settle(10_000);
  expect(notices()).toEqual([]);
});
