import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import type { KernelWorld } from '#kernel/contract-stage.ts';
import type { Firewall } from '#kernel/fake-forwarding.ts';
import { RealKernel } from '#kernel/real-kernel.ts';
import type { Ip } from '#model/ip.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { iptablesOf, PERMIT_FAMILIES, type PermitFamily } from '#model/permit.ts';
import { close, setns, unshare } from '#netlink/libc.ts';
import { CLONE_NEWNET } from '#netlink/namespace.ts';
import { openNamespace } from '#netlink/open-namespace.ts';

/** The host's address; on its loopback, so that it has an underlay without any other machine. */
export const UNDERLAY = '192.0.2.1' as Ip;

/** Of every name that these tests make under /run/netns. */
export const TAG = randomBytes(4).toString('hex');

/**
 * Moves this test process into a network namespace of its own, which plays the host: the machine's links, routes and
 * UDP ports stay out of reach. To be called before anything opens a namespace, since threads remember where they
 * started. Returns the way out.
 */
export function enterHostNamespace(): () => void {
  const outside = openSync('/proc/thread-self/ns/net', 'r');
  if (unshare(CLONE_NEWNET) < 0) throw new Error('unshare refused: these tests need root');
  ip('link', 'set', 'lo', 'up');
  ip('addr', 'add', `${UNDERLAY}/32`, 'dev', 'lo');
  return () => {
    setns(outside, CLONE_NEWNET);
    closeSync(outside);
  };
}

/** Local UDP ports of the host's namespace, those of kernel sockets included. */
export const udpPorts = (): number[] =>
  readFileSync('/proc/thread-self/net/udp', 'utf8')
    .split('\n')
    .slice(1)
    .flatMap((row) => Number.parseInt(row.trim().split(/\s+/)[1]?.split(':')[1] ?? '', 16) || []);

let made = 0;

/** A real kernel on this process's host namespace, with containers made by ip(8); `close` removes all of it. */
export function realWorld(kernel = new RealKernel()): KernelWorld {
  const names = new Set<string>();
  return {
    kernel,
    hostTag: TAG,
    underlay: UNDERLAY,
    createContainer() {
      const name = `kernel-test-${TAG}-${++made}`;
      ip('netns', 'add', name);
      names.add(name);
      return namespaceRef(`/run/netns/${name}`);
    },
    async removeContainer({ path }) {
      const name = path.slice('/run/netns/'.length);
      removeNamespace(name);
      names.delete(name);
    },
    addForeignInterface({ path }, name) {
      ip('link', 'add', `f${++made}`, 'type', 'veth', 'peer', 'name', name, 'netns', path);
    },
    setFirewall,
    async close() {
      await kernel.close();
      for (const family of PERMIT_FAMILIES) setFirewall(family, 'none');
      mkdirSync('/run/netns', { recursive: true });
      const overlays = readdirSync('/run/netns').filter((name) => name.startsWith(`weft-${TAG}-`));
      for (const name of [...overlays, ...names]) removeNamespace(name);
    },
  };
}

export function namespaceRef(path: string): NamespaceRef {
  const opened = openNamespace(path);
  if (typeof opened === 'string') throw new Error(opened);
  close(opened.fd);
  const { dev, inode, cookie } = opened;
  return { path, dev, inode, cookie };
}

/** Its devices first: the end of the namespace alone would take the kernel some 50 ms in the background. */
function removeNamespace(name: string): void {
  for (const { ifname } of ipJson('-n', name, 'link', 'show'))
    if (ifname !== 'lo') ip('-n', name, 'link', 'del', ifname);
  ip('netns', 'del', name);
}

export const ip = (...words: string[]): string => run('ip', words);

/** The independent witness: what ip(8) and bridge(8) say. */
// biome-ignore lint/suspicious/noExplicitAny: JSON of ip(8)
export const ipJson = (...words: string[]): any[] => json(ip('-j', '-d', ...words));
// biome-ignore lint/suspicious/noExplicitAny: JSON of bridge(8)
export const bridgeJson = (...words: string[]): any[] => json(run('bridge', ['-j', '-d', ...words]));

/** What it complains about is in the error, if it fails. */
const run = (command: string, words: readonly string[]): string =>
  execFileSync(command, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

// biome-ignore lint/suspicious/noExplicitAny: JSON of other programs
const json = (text: string): any[] => JSON.parse(text.trim() === '' ? '[]' : text);

/** By iptables, as Docker and people do. */
function setFirewall(family: PermitFamily, firewall: Firewall): void {
  const run = (command: string) => execFileSync('sh', ['-c', command], { stdio: 'pipe' });
  const iptables = iptablesOf(family);
  if (firewall === 'none') return void run(`nft "add table ${family} filter; delete table ${family} filter"`);
  run(`${iptables} -P FORWARD ${firewall === 'open' ? 'ACCEPT' : 'DROP'}`);
  if (firewall === 'docker') {
    run(`${iptables} -N DOCKER-USER && ${iptables} -A FORWARD -j DOCKER-USER`);
    run(`${iptables} -A DOCKER-USER -j RETURN`);
  } else
    run(
      `${iptables} -S DOCKER-USER 2>&1 || exit 0; ${iptables} -D FORWARD -j DOCKER-USER; ${iptables} -F DOCKER-USER; ${iptables} -X DOCKER-USER`,
    );
}
