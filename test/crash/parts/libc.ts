import * as libc from '#netlink/libc.ts';
import { point } from '../point.ts';

/** The system calls that change the kernel, each with a point before and after. */
export * from '#netlink/libc.ts';

export const send: typeof libc.send = (fd, bytes, length, flags) =>
  counted(nameOf(bytes), () => libc.send(fd, bytes, length, flags));

export const sendAsync: typeof libc.sendAsync = async (fd, bytes, length, flags) => {
  const name = nameOf(bytes);
  const sent = counted(name && `to begin ${name}`, () => libc.sendAsync(fd, bytes, length, flags));
  const result = await sent;
  if (name) point(`${name} is done`);
  return result;
};

export const unshare: typeof libc.unshare = (flags) => counted('unshare', () => libc.unshare(flags));
export const mount: typeof libc.mount = (...words) => counted('mount', () => libc.mount(...words));

export const umount2Async: typeof libc.umount2Async = async (target, flags) => {
  point('before umount');
  const result = await libc.umount2Async(target, flags);
  point('umount is done');
  return result;
};

function counted<T>(name: string | undefined, call: () => T): T {
  if (!name) return call();
  point(`before ${name}`);
  const result = call();
  point(`${name} is done`);
  return result;
}

/**
 * linux/rtnetlink.h: NEW, DEL, GET and SET of a kind follow each other; who GETs changes nothing, and a NEWNSID only
 * numbers a namespace for our own reading.
 */
const KINDS: Readonly<Record<number, string>> = { 4: 'LINK', 5: 'ADDR', 6: 'ROUTE', 7: 'NEIGH' };
const VERBS = ['NEW', 'DEL', undefined, 'SET'];
/** linux/netfilter/nfnetlink.h, NFNL_MSG_BATCH_BEGIN: a transaction of rules is one send. */
const RULES = 0x10;

function nameOf(bytes: Uint8Array): string | undefined {
  const type = bytes[4]! | (bytes[5]! << 8);
  if (type === RULES) return 'NFT_TRANSACTION';
  const verb = VERBS[type & 3];
  const kind = KINDS[type >> 2];
  return verb && kind && `RTM_${verb}${kind}`;
}
