import { readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { inNamespace } from '#netlink/namespace.ts';
import { fromSystemError } from '#netlink/netlink-error.ts';

/**
 * `sysctl -w NAME=VALUE` in a namespace (default: this thread's); `/` between the words, since device names have dots.
 * Nothing happens where there is no such setting: a device without IPv6 has none. Throws NetlinkError, such as EROFS
 * where /proc/sys may not be written.
 */
export function writeSysctl(netnsFd: number | undefined, name: string, value: string): void {
  const write = () => writeFileSync(`/proc/sys/${name}`, value);
  try {
    if (netnsFd === undefined) write();
    else inNamespace(netnsFd, write);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).errno !== -constants.errno.ENOENT)
      throw fromSystemError(error, `write ${name}`);
  }
}

/** Those of these settings that are there, with their values. */
export function readSysctls(netnsFd: number | undefined, names: readonly string[]): [string, string][] {
  const read = () => names.flatMap((name): [string, string][] => readOne(name));
  return netnsFd === undefined ? read() : inNamespace(netnsFd, read);
}

function readOne(name: string): [string, string][] {
  try {
    return [[name, readFileSync(`/proc/sys/${name}`, 'utf8').trim()]];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw fromSystemError(error, `read ${name}`);
  }
}
