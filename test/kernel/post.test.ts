import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Post } from '#kernel/post.ts';
import { namespaceCookie } from '#netlink/open-namespace.ts';
import { run, withNamespaces } from './netlink-lab.ts';

/** One socket for many namespaces, some of which end. */

it('hears a namespace on when another ends that has its number there', () =>
  withNamespaces(1, async ({ name, fd }) => {
    const heard: string[] = [];
    const post = new Post(['LINK'], (_, names) => heard.push(...names));
    const other = `${name}-other`;
    run('ip', 'netns', 'add', other);
    try {
      const cookie = namespaceCookie(fd);
      post.hear('overlay', cookie, fd);
      // As a container has one in its overlay's namespace, by the pair between them. The post's own count from 0, too.
      run('ip', '-n', name, 'netns', 'set', other, '0');
      run('ip', 'netns', 'del', other);
      // The kernel ends namespaces one after the other, others' too.
      await expect.poll(() => run('ip', '-n', name, 'netns', 'list-id'), { timeout: 30_000 }).toBe('');
      await sleep(50);
      expect(post.hears('overlay', cookie)).toBe(true);
      heard.length = 0;
      run('ip', '-n', name, 'link', 'add', 'x', 'type', 'bridge');
      await expect.poll(() => heard, { timeout: 10_000 }).toContain('overlay');
    } finally {
      post.close();
    }
  }));
