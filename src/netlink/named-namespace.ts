import { closeSync, constants, mkdirSync, openSync, unlinkSync } from 'node:fs';
import { flock, mount, orThrow, umount2Async, unshare } from './libc.ts';
import { CLONE_NEWNET, comingHome } from './namespace.ts';
import { fromSystemError, unencodable } from './netlink-error.ts';

/** Where ip(8) keeps names of network namespaces. */
export const NAMESPACE_DIRECTORY = '/run/netns';

/** linux/mount.h */
const MS_BIND = 1 << 12;
const MS_REC = 1 << 14;
const MS_SHARED = 1 << 20;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
/** asm-generic/fcntl.h */
const LOCK_EX = 2;

const EINVAL = 22;
const ENOENT = 2;

/** Path of a named namespace. Throws NetlinkError EINVAL for what is no file name. */
export function namedNamespacePath(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name) || Buffer.byteLength(name) > 255) {
    throw unencodable(`${JSON.stringify(name)} cannot name a namespace`);
  }
  return `${NAMESPACE_DIRECTORY}/${name}`;
}

/**
 * `ip netns add NAME`: a new network namespace, kept alive by a mount at /run/netns/NAME. The directory becomes a
 * shared mount, so that other mount namespaces see names come and go. Throws NetlinkError: EEXIST when the name is
 * there, EPERM without CAP_SYS_ADMIN, EACCES or EROFS where /run cannot be written.
 */
export function createNamedNamespace(name: string): void {
  const path = namedNamespacePath(name);
  try {
    mkdirSync(NAMESPACE_DIRECTORY, { recursive: true, mode: 0o755 });
    shareDirectory();
    closeSync(openSync(path, constants.O_RDONLY | constants.O_CREAT | constants.O_EXCL, 0));
  } catch (error) {
    throw fromSystemError(error, `create ${path}`);
  }
  try {
    comingHome(() => {
      orThrow('unshare', unshare(CLONE_NEWNET));
      orThrow('mount', mount('/proc/thread-self/ns/net', path, 'none', MS_BIND, null));
    });
  } catch (error) {
    unlinkSync(path);
    throw error;
  }
}

/**
 * `ip netns del NAME`: takes the name away, off this thread. The kernel removes the namespace's devices some 50 ms
 * after its last user is gone. Idempotent: what is absent is deleted already.
 */
export async function deleteNamedNamespace(name: string): Promise<void> {
  const path = namedNamespacePath(name);
  // Names can be stacked when two made the directory shared at once: take all mounts.
  for (;;) {
    const result = await umount2Async(path, MNT_DETACH | UMOUNT_NOFOLLOW);
    if (result === -EINVAL || result === -ENOENT) break;
    orThrow('umount2', result);
  }
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw fromSystemError(error, `delete ${path}`);
  }
}

/** A directory that is no mount yet cannot be shared: bind it to itself first, one process at a time, as ip(8) does. */
function shareDirectory(): void {
  const share = () => mount('', NAMESPACE_DIRECTORY, 'none', MS_SHARED | MS_REC, null);
  if (share() !== -EINVAL) return;
  const lock = openSync(NAMESPACE_DIRECTORY, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    orThrow('flock', flock(lock, LOCK_EX));
    if (share() !== -EINVAL) return;
    orThrow('mount', mount(NAMESPACE_DIRECTORY, NAMESPACE_DIRECTORY, 'none', MS_BIND | MS_REC, null));
    orThrow('mount', share());
  } finally {
    closeSync(lock);
  }
}
