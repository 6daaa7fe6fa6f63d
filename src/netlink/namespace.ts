import { access, fstatSync, openSync, statSync } from 'node:fs';
import { abort, orThrow, setns } from './libc.ts';

/** linux/sched.h */
export const CLONE_NEWNET = 0x40000000;

let home: number | undefined;

/** The namespace this thread was in at first use; kept open, since the way back must never fail. */
function homeNamespace(): number {
  if (home === undefined) {
    // Threads inherit the namespace of the thread that starts them. libuv starts its pool with the first job:
    // let that be here and now, not inside somebody's container.
    access('/', () => {});
    home = openSync('/proc/thread-self/ns/net', 'r');
  }
  return home;
}

/**
 * Runs `fn` with this thread in the network namespace behind `fd`, and comes back. Sockets made inside stay in that
 * namespace for life. `fn` is synchronous: whatever runs after an `await` would run at home, or drag other work in.
 * Throws NetlinkError when the namespace cannot be entered (then `fn` did not run), and whatever `fn` throws.
 * If the way back fails the process ends: a thread lost in a container's namespace must not go on.
 */
export function inNamespace<T>(fd: number, fn: () => T extends PromiseLike<unknown> ? never : T): T {
  if (fn.constructor.name === 'AsyncFunction')
    throw new TypeError('inNamespace runs synchronous functions only');
  const back = homeNamespace();
  orThrow('setns', setns(fd, CLONE_NEWNET));
  try {
    return fn();
  } finally {
    returnTo(back);
  }
}

/** Like `inNamespace`, but `fn` itself moves the thread elsewhere (unshare), or fails to. */
export function comingHome<T>(fn: () => T): T {
  const back = homeNamespace();
  try {
    return fn();
  } finally {
    returnTo(back);
  }
}

function returnTo(back: number): void {
  // Without the right to enter a namespace, `fn` had none to leave this one either: then there is no way to go.
  if (setns(back, CLONE_NEWNET) < 0 && !isAt(back)) abort();
}

function isAt(fd: number): boolean {
  const [here, there] = [statSync('/proc/thread-self/ns/net'), fstatSync(fd)];
  return here.ino === there.ino && here.dev === there.dev;
}
