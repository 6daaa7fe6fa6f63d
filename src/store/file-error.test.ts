import { expect, test } from 'vitest';
import { fileError } from './file-error.ts';

test.each([
  ['EROFS', 'unreadable', 'mount its file system for writing'],
  ['EACCES', 'unreadable', 'check the path, its owner and its mode'],
  ['ENOSPC', 'full', 'make room'],
  ['EIO', 'other', 'disk errors'],
])('of %s it is said what to do', (errno, code, next) => {
  const error = Object.assign(new Error(`${errno}: said by the system, write`), { code: errno });
  expect(fileError(error, '/journal')).toMatchObject({ code, next: expect.stringContaining(next) });
});
