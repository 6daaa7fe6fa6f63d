import { close, orThrow, syscall } from './libc.ts';
import { NetlinkError } from './netlink-error.ts';

/** asm-generic/unistd.h */
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;

/**
 * A descriptor of what another process has open as `fd`: the very same, that stays when the other closes its own. Throws
 * NetlinkError: ESRCH when the process is gone, EBADF when it has no such, EPERM without CAP_SYS_PTRACE.
 */
export function takeDescriptor(pid: number, fd: number): number {
  const process = orThrow('pidfd_open', syscall(PIDFD_OPEN, pid, 0, 0));
  try {
    return orThrow('pidfd_getfd', syscall(PIDFD_GETFD, process, fd, 0));
  } finally {
    close(process);
  }
}

/** All of them, or undefined: closed since, or not ours to take. */
export function takeDescriptors(pid: number, fds: readonly number[]): number[] | undefined {
  const taken: number[] = [];
  try {
    for (const fd of fds) taken.push(takeDescriptor(pid, fd));
    return taken;
  } catch (error) {
    taken.map(close);
    if (!(error instanceof NetlinkError)) throw error;
    return undefined;
  }
}
