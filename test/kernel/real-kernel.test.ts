import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe } from 'vitest';
import { kernelContract } from '#kernel/kernel.contract.ts';
import { RealKernel } from '#kernel/real-kernel.ts';
import type { Ip } from '#model/ip.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { close } from '#netlink/libc.ts';
import { openNamespace } from '#netlink/open-namespace.ts';
import { enterHostNamespace } from './host-namespace.ts';

const UNDERLAY = '192.0.2.1' as Ip;
const tag = randomBytes(4).toString('hex');
let leave: () => void;

beforeAll(() => {
  leave = enterHostNamespace(UNDERLAY);
});
afterAll(() => leave());

describe('the real kernel', () => {
  let made = 0;
  kernelContract(async () => {
    const kernel = new RealKernel();
    const names = new Set<string>();
    return {
      kernel,
      hostTag: tag,
      underlay: UNDERLAY,
      createContainer() {
        const name = `kernel-test-${tag}-${++made}`;
        ip('netns', 'add', name);
        names.add(name);
        return namespaceRef(`/run/netns/${name}`);
      },
      async removeContainer({ path }) {
        const name = path.slice('/run/netns/'.length);
        // Deleting the namespace alone would take some 50 ms in the background.
        for (const link of linksOf(name)) ip('-n', name, 'link', 'del', link);
        ip('netns', 'del', name);
        names.delete(name);
      },
      addForeignInterface({ path }, name) {
        ip('link', 'add', `f${++made}`, 'type', 'veth', 'peer', 'name', name, 'netns', path);
      },
      async close() {
        await kernel.close();
        const overlays = readdirSync('/run/netns').filter((name) => name.startsWith(`weft-${tag}-`));
        for (const name of [...overlays, ...names]) {
          for (const link of linksOf(name)) ip('-n', name, 'link', 'del', link);
          ip('netns', 'del', name);
        }
      },
    };
  });
});

function namespaceRef(path: string): NamespaceRef {
  const opened = openNamespace(path);
  if (typeof opened === 'string') throw new Error(opened);
  close(opened.fd);
  const { dev, inode, cookie } = opened;
  return { path, dev, inode, cookie };
}

const linksOf = (name: string): string[] =>
  (JSON.parse(ip('-n', name, '-j', 'link', 'show') || '[]') as { ifname: string }[])
    .map(({ ifname }) => ifname)
    .filter((ifname) => ifname !== 'lo');

const ip = (...words: string[]): string => execFileSync('ip', words, { encoding: 'utf8' });
