import { closeSync, fstatSync, openSync } from 'node:fs';
import { close, fstatfs, getsockopt, ioctl, orThrow } from './libc.ts';
import { CLONE_NEWNET, inNamespace } from './namespace.ts';
import { fromSystemError } from './netlink-error.ts';
import { create, SOL_SOCKET } from './socket.ts';

/** A network namespace that was opened; close `fd` after use, or it stays alive. */
export interface OpenNamespace {
  fd: number;
  /** Device and inode of the namespace: equal only for the same namespace, but inodes are used again. */
  dev: number;
  inode: number;
  /** SO_NETNS_COOKIE, decimal: never used twice until reboot. */
  cookie: string;
}

/** Why a path was refused. */
export type NamespaceRefusal = 'not-found' | 'not-a-namespace' | 'other-namespace-type' | 'permission';

/** asm-generic/fcntl.h */
const O_RDONLY = 0;
const O_PATH = 0o10000000;
/** linux/magic.h */
const NSFS_MAGIC = 0x6e736673n;
/** linux/nsfs.h: _IO(0xb7, 0x3) */
const NS_GET_NSTYPE = 0xb703;
/** asm-generic/socket.h */
const SO_NETNS_COOKIE = 71;

/**
 * Opens what may be anything as a network namespace: symlinks are followed, everything else is refused with the
 * reason. The path is resolved once, and what it names is pinned without being opened (O_PATH): a FIFO does not
 * block, a device does not start; only when that is known to be a namespace is it opened, by its pin. Throws NetlinkError
 * when nothing can be told of it, such as EMFILE.
 */
export function openNamespace(path: string): OpenNamespace | NamespaceRefusal {
  if (path.includes('\0')) return 'not-found';
  const pin = tryOpen(path, O_PATH);
  if (typeof pin !== 'number') return pin;
  try {
    if (fileSystemType(pin) !== NSFS_MAGIC) return 'not-a-namespace';
    const fd = tryOpen(`/proc/self/fd/${pin}`, O_RDONLY);
    return typeof fd === 'number' ? identify(fd) : fd;
  } finally {
    closeSync(pin);
  }
}

function identify(fd: number): OpenNamespace | NamespaceRefusal {
  let known: OpenNamespace | NamespaceRefusal = 'other-namespace-type';
  try {
    if (ioctl(fd, NS_GET_NSTYPE, 0) === CLONE_NEWNET) {
      const { dev, ino } = fstatSync(fd);
      known = { fd, dev, inode: ino, cookie: namespaceCookie(fd) };
    }
  } catch (error) {
    if (!isPermission(error)) throw error;
    known = 'permission';
  } finally {
    if (typeof known === 'string') closeSync(fd);
  }
  return known;
}

/** The cookie of the namespace behind `fd`. Throws NetlinkError EPERM when it may not be entered. */
export function namespaceCookie(fd: number): string {
  const socket = orThrow('socket', inNamespace(fd, create));
  try {
    return cookieOfSocket(socket);
  } finally {
    close(socket);
  }
}

/** That of the namespace which the socket is in. */
export function cookieOfSocket(socket: number): string {
  const value = Buffer.alloc(8);
  const length = Buffer.from([8, 0, 0, 0]);
  orThrow('getsockopt SO_NETNS_COOKIE', getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, value, length));
  return value.readBigUInt64LE().toString();
}

function tryOpen(path: string, flags: number): number | NamespaceRefusal {
  try {
    return openSync(path, flags);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (isPermission(error)) return 'permission';
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENAMETOOLONG')
      return 'not-found';
    throw fromSystemError(error, `open ${path}`);
  }
}

function isPermission(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EPERM' || code === 'EACCES';
}

/** f_type, the first word of struct statfs (120 bytes on 64-bit hosts). */
function fileSystemType(fd: number): bigint {
  const statfs = Buffer.alloc(256);
  orThrow('fstatfs', fstatfs(fd, statfs));
  return statfs.readBigInt64LE(0);
}
