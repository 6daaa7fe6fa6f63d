import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamedNamespace, deleteNamedNamespace } from '#netlink/named-namespace.ts';
import { inNamespace } from '#netlink/namespace.ts';
import { namespaceCookie, type OpenNamespace, openNamespace } from '#netlink/open-namespace.ts';
import { openDescriptors, run, withNamespaces } from './netlink-lab.ts';

const own = () => readlinkSync('/proc/thread-self/ns/net');

describe('inNamespace', () => {
  test('runs there and comes home, also when the function throws', () =>
    withNamespaces(1, ({ fd }) => {
      const home = own();
      expect(inNamespace(fd, own)).not.toBe(home);
      expect(own()).toBe(home);
      expect(() =>
        inNamespace(fd, () => {
          throw new Error('inside');
        }),
      ).toThrow('inside');
      expect(own()).toBe(home);
    }));

  test('does not run when the way in is closed', () => {
    const file = openSync('/dev/null', 'r');
    let ran = false;
    const fn = () => {
      ran = true;
    };
    expect(() => inNamespace(file, fn)).toThrow(/EINVAL/);
    closeSync(file);
    expect(ran).toBe(false);
  });

  test('refuses asynchronous functions before they start', () =>
    withNamespaces(1, ({ fd }) => {
      let ran = false;
      const later = async () => {
        ran = true;
      };
      // @ts-expect-error the compiler refuses it too
      expect(() => inNamespace(fd, later)).toThrow(TypeError);
      expect(ran).toBe(false);
    }));

  test('takes no other thread along: the thread pool stays at home', () =>
    withNamespaces(1, async ({ fd }) => {
      const home = own();
      const busy = Promise.all(Array.from({ length: 64 }, () => readFile('/proc/self/stat')));
      for (let i = 0; i < 500; i++) inNamespace(fd, () => {});
      await busy;
      const tasks = run('sh', '-c', `readlink /proc/${process.pid}/task/*/ns/net | sort -u`).trim();
      expect(tasks).toBe(home);
    }));
});

describe('named namespaces', () => {
  const name = `nl-named-${process.pid}`;
  const path = `/run/netns/${name}`;

  test('ip(8) sees what we make, and its own mount is shared', async () => {
    createNamedNamespace(name);
    try {
      expect(run('ip', 'netns', 'list')).toContain(name);
      expect(run('ip', '-j', '-n', name, 'link')).toContain('LOOPBACK');
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).toMatch(/ \/run\/netns \S+ shared:\d+ /);
      expect(() => createNamedNamespace(name)).toThrow(/EEXIST/);
      expect(run('ip', '-j', '-n', name, 'link')).toContain('LOOPBACK');
    } finally {
      await deleteNamedNamespace(name);
    }
    expect(existsSync(path)).toBe(false);
    expect(run('ip', 'netns', 'list')).not.toContain(name);
    await deleteNamedNamespace(name); // absent is deleted already
  });

  test('a name that is a plain file is deleted as well; one that ip(8) made too', async () => {
    writeFileSync(path, '');
    await deleteNamedNamespace(name);
    expect(existsSync(path)).toBe(false);
    run('ip', 'netns', 'add', name);
    await deleteNamedNamespace(name);
    expect(existsSync(path)).toBe(false);
  });

  test.each(['', '.', '..', 'a/b', 'a\0b', 'x'.repeat(256)])('%j is no name', async (bad) => {
    expect(() => createNamedNamespace(bad)).toThrow(/EINVAL/);
    await expect(deleteNamedNamespace(bad)).rejects.toThrow(/EINVAL/);
  });
});

describe('openNamespace', () => {
  let directory: string;
  const at = (file: string) => join(directory, file);

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'nl-open-'));
    writeFileSync(at('file'), 'x');
    run('mkfifo', at('fifo'));
    symlinkSync('/nowhere/at/all', at('dangling'));
    symlinkSync(at('loop'), at('loop'));
    symlinkSync('/proc/self/ns/net', at('good'));
    symlinkSync('/proc/self/ns/uts', at('uts'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test('a good one, also through a symlink: same identity, a cookie of its own', () =>
    withNamespaces(2, (one, two) => {
      const link = at('to-one');
      symlinkSync(`/run/netns/${one.name}`, link);
      const [first, linked, second] = [`/run/netns/${one.name}`, link, `/run/netns/${two.name}`].map(
        (path) => {
          const opened = openNamespace(path) as OpenNamespace;
          closeSync(opened.fd);
          return opened;
        },
      );
      const { ino, dev } = statSync(`/run/netns/${one.name}`);
      expect(first).toMatchObject({ inode: ino, dev, cookie: namespaceCookie(one.fd) });
      expect(linked).toMatchObject({ inode: ino, cookie: first!.cookie });
      expect(second!.cookie).not.toBe(first!.cookie);
      expect(first!.cookie).toMatch(/^\d+$/);
    }));

  test.each([
    ['file', 'not-a-namespace'],
    ['fifo', 'not-a-namespace'],
    ['.', 'not-a-namespace'],
    ['dangling', 'not-found'],
    ['loop', 'not-found'],
    ['missing', 'not-found'],
    ['file/below', 'not-found'],
    ['x'.repeat(300), 'not-found'],
    ['a\0b', 'not-found'],
    ['uts', 'other-namespace-type'],
  ])('%s is refused: %s, without blocking and without leaving anything open', (file, refusal) => {
    const before = openDescriptors();
    expect(openNamespace(at(file))).toBe(refusal);
    expect(openDescriptors()).toEqual(before);
  });

  test.each(['/dev/null', '/proc/self/ns/mnt', '/proc/self/ns/user', '/proc/self/ns/pid', '/'])(
    '%s is refused',
    (path) => {
      expect(openNamespace(path)).toMatch(/^(not-a-namespace|other-namespace-type)$/);
    },
  );

  test('the empty path is not found', () => expect(openNamespace('')).toBe('not-found'));

  test('one that may not be entered is refused for that', () => {
    const euid = process.geteuid!();
    process.seteuid!(65534);
    try {
      expect(openNamespace('/proc/self/ns/net')).toBe('permission');
    } finally {
      process.seteuid!(euid);
    }
  });
});
