import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setns, unshare } from '#netlink/libc.ts';
import { CLONE_NEWNET } from '#netlink/namespace.ts';

/**
 * Moves this test process into a network namespace of its own, which plays the host: the machine's links, routes and
 * UDP ports stay out of reach. To be called before anything opens a namespace, since threads remember where they
 * started. `underlay` is an address on its loopback. Returns the way out.
 */
export function enterHostNamespace(underlay: string): () => void {
  const outside = openSync('/proc/thread-self/ns/net', 'r');
  if (unshare(CLONE_NEWNET) < 0) throw new Error('unshare refused: these tests need root');
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  execFileSync('ip', ['addr', 'add', `${underlay}/32`, 'dev', 'lo']);
  return () => {
    setns(outside, CLONE_NEWNET);
    closeSync(outside);
  };
}
