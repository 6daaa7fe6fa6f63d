import { expect, test } from 'vitest';
import type { Id } from '#model/id.ts';
import type { Attachment } from './attachment.ts';
import { keepJournal, noteWritten } from './keep-journal.ts';
import { createAgentState } from './state.ts';

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
