import { endianness } from 'node:os';
import koffi from 'koffi';
import { NetlinkError } from './netlink-error.ts';

/*
 * The only module that touches the FFI. Every function answers like the kernel does: a result ≥ 0, or a negated
 * errno; `orThrow` turns the latter into a NetlinkError. Codecs do not import this, so reading bytes needs no libc.
 */

if (endianness() !== 'LE')
  throw new Error('big endian hosts are not supported: messages are written little endian');

koffi.alias('ssize_t', 'int64');
const library = koffi.load(null);

function bind<A extends unknown[]>(prototype: string): (...args: A) => number {
  const call = library.func(prototype);
  return (...args) => {
    const result = call(...args) as number;
    return result < 0 ? -koffi.errno() : result;
  };
}

/** The same on a thread of libuv's pool, for calls that sleep in the kernel. */
function bindAsync<A extends unknown[]>(prototype: string): (...args: A) => Promise<number> {
  const call = library.func(prototype).async;
  return (...args) =>
    new Promise((resolve, reject) => {
      // koffi carries the other thread's errno over to this callback.
      call(...args, (error: unknown, result: number) => {
        if (error) reject(error);
        else resolve(result < 0 ? -koffi.errno() : result);
      });
    });
}

type Bytes = Uint8Array;

/** bits/socket.h; TRUNC reports a datagram's full length even when it did not fit. */
export const MSG = { TRUNC: 0x20, DONTWAIT: 0x40 } as const;

export const socket = bind<[domain: number, type: number, protocol: number]>('int socket(int, int, int)');
export const bindSocket = bind<[fd: number, address: Bytes, length: number]>(
  'int bind(int, const void*, uint)',
);
export const connect = bind<[fd: number, address: Bytes, length: number]>(
  'int connect(int, const void*, uint)',
);
export const connectAsync = bindAsync<[fd: number, address: Bytes, length: number]>(
  'int connect(int, const void*, uint)',
);
export const send = bind<[fd: number, bytes: Bytes, length: number, flags: number]>(
  'ssize_t send(int, const void*, size_t, int)',
);
export const recv = bind<[fd: number, into: Bytes, length: number, flags: number]>(
  'ssize_t recv(int, void*, size_t, int)',
);
export const sendto = bind<
  [fd: number, bytes: Bytes, length: number, flags: number, address: Bytes, addressLength: number]
>('ssize_t sendto(int, const void*, size_t, int, const void*, uint)');
export const recvfrom = bind<
  [fd: number, into: Bytes, length: number, flags: number, address: Bytes, addressLength: Bytes]
>('ssize_t recvfrom(int, void*, size_t, int, void*, void*)');
export const recvmsg = bind<[fd: number, msghdr: Bytes, flags: number]>('ssize_t recvmsg(int, void*, int)');
export const setsockopt = bind<[fd: number, level: number, option: number, value: Bytes, length: number]>(
  'int setsockopt(int, int, int, const void*, uint)',
);
export const getsockopt = bind<[fd: number, level: number, option: number, value: Bytes, length: Bytes]>(
  'int getsockopt(int, int, int, void*, void*)',
);
export const close = bind<[fd: number]>('int close(int)');
const closeAsync = bindAsync<[fd: number]>('int close(int)');
/** Of a descriptor that the kernel lets go of slowly. Where too many are closed so already, koffi takes no more. */
export const closeLater = (fd: number): void => void closeAsync(fd).catch(() => close(fd));
export const setns = bind<[fd: number, type: number]>('int setns(int, int)');
export const unshare = bind<[flags: number]>('int unshare(int)');
export const mount = bind<[source: string, target: string, type: string, flags: number, data: null]>(
  'int mount(const char*, const char*, const char*, ulong, const char*)',
);
export const umount2 = bind<[target: string, flags: number]>('int umount2(const char*, int)');
export const sendAsync = bindAsync<[fd: number, bytes: Bytes, length: number, flags: number]>(
  'ssize_t send(int, const void*, size_t, int)',
);
export const sendmmsgAsync = bindAsync<[fd: number, mmsghdrs: Bytes, count: number, flags: number]>(
  'int sendmmsg(int, void*, uint, int)',
);
export const umount2Async = bindAsync<[target: string, flags: number]>('int umount2(const char*, int)');
export const flock = bind<[fd: number, operation: number]>('int flock(int, int)');
export const fstatfs = bind<[fd: number, statfs: Bytes]>('int fstatfs(int, void*)');
export const ioctl = bind<[fd: number, request: number, argument: number]>('int ioctl(int, ulong, int)');

/** Those that not every C library has a function for; their numbers are the same everywhere since Linux 5.1. */
export const syscall = bind<[call: number, a: number, b: number, c: number]>(
  'int64 syscall(int64, int64, int64, int64)',
);

/** For requests whose argument is a struct. */
export const ioctlWith = bind<[fd: number, request: number, argument: Bytes]>('int ioctl(int, ulong, void*)');

/** Returns memory that was freed to the system: of itself glibc keeps what lies between the rest. Others have no such call. */
export const trimHeap: () => void = (() => {
  try {
    const trim = library.func('int malloc_trim(size_t)');
    return () => void trim(0);
  } catch {
    return () => {};
  }
})();

/** Ends the process at once, from worker threads too (where `process.abort` is refused). */
export const abort = library.func('void abort()') as unknown as () => never;

/** Watched descriptors; koffi forgets a handle that nobody references, and goes silent. */
const watched = new Set<ReturnType<typeof koffi.node.poll>>();

/**
 * Calls back, from the event loop, for as long as `fd` has something to read or an error to tell (which the callback
 * must fetch, by reading or by SO_ERROR); returns the way to stop, which comes before closing `fd`. What the callback
 * throws is thrown on as an uncaught exception: koffi itself would swallow it, and the next event too.
 */
export function whenReadable(fd: number, callback: () => void): () => void {
  const onPoll = (status: unknown) => {
    try {
      callback();
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
    // libuv stops watching after an error such as ENOBUFS: the socket is alive, so go on.
    if (status !== 0 && watched.has(handle)) handle.start({ readable: true }, onPoll);
  };
  const handle = koffi.node.poll(fd, { readable: true }, onPoll);
  watched.add(handle);
  return () => {
    if (watched.delete(handle)) handle.close();
  };
}

/** linux/mman.h */
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
const mmap = library.func('void *mmap(void*, size_t, int, int, int, int64)');
const munmap = library.func('int munmap(void*, size_t)');

/** Maps memory that the kernel shares over `fd`. After `unmap`, touching `bytes` is a segmentation fault. */
export function mapShared(fd: number, length: number): { bytes: ArrayBuffer; unmap(): void } {
  const address = mmap(null, length, PROT_READ_WRITE, MAP_SHARED, fd, 0) as bigint;
  if (address === MAP_FAILED) throw new NetlinkError({ errno: koffi.errno(), request: 'mmap' });
  return { bytes: koffi.view(address, length), unmap: () => void munmap(address, length) };
}

/** Address of memory that a struct is to point to; `allocUnsafeSlow` memory that the caller keeps alive. */
export const addressOf = (bytes: Uint8Array): bigint => koffi.address(bytes);

/** The result, or a NetlinkError that names the call. */
export function orThrow(call: string, result: number): number {
  if (result < 0) throw new NetlinkError({ errno: -result, request: call });
  return result;
}

/** Sets an option whose value is an int. */
export function setOption(fd: number, level: number, option: number, value: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return setsockopt(fd, level, option, bytes, 4);
}
