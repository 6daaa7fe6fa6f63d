import { addressOf, orThrow, setOption, setsockopt } from './libc.ts';
import { SOL_SOCKET } from './socket.ts';

/** asm-generic/socket.h */
const SO_ATTACH_FILTER = 26;
const SO_DETACH_FILTER = 27;

/** struct sock_filter, linux/filter.h: one instruction of classic BPF. */
export interface FilterInstruction {
  code: number;
  jt: number;
  jf: number;
  k: number;
}

/** linux/bpf_common.h: the four instructions that a filter on a number needs. */
const LOAD_HALF_ABSOLUTE = 0x28;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;

const LONGEST_JUMP = 0xff;

/**
 * Lets no netlink message of these types through; the others pass whole. The type is at offset 4 in host order, and
 * BPF loads in network order.
 */
export function dropMessageTypes(types: readonly number[]): FilterInstruction[] {
  if (types.length > LONGEST_JUMP) throw new RangeError(`a filter of ${types.length} types`);
  const swapped = types.map((type) => ((type & 0xff) << 8) | (type >> 8));
  return [
    { code: LOAD_HALF_ABSOLUTE, jt: 0, jf: 0, k: 4 },
    ...swapped.map((k, i) => ({ code: JUMP_IF_EQUAL, jt: types.length - i, jf: 0, k })),
    { code: RETURN, jt: 0, jf: 0, k: 0xffffffff },
    { code: RETURN, jt: 0, jf: 0, k: 0 },
  ];
}

/** Passes whole. */
export const acceptAll: readonly FilterInstruction[] = [{ code: RETURN, jt: 0, jf: 0, k: 0xffffffff }];

/** Nothing passes. */
export const acceptNone: readonly FilterInstruction[] = [{ code: RETURN, jt: 0, jf: 0, k: 0 }];

/** The same program passing at most `length` bytes: what a filter returns is how much of the packet is kept. */
export function cutTo(program: readonly FilterInstruction[], length = 0xffffffff): FilterInstruction[] {
  return program.map((step) => (step.code === RETURN ? { ...step, k: Math.min(step.k, length) } : step));
}

/** Puts a filter on a socket, in place of the one that was there. The kernel refuses a broken program (EINVAL). */
export function attachFilter(fd: number, program: readonly FilterInstruction[]): void {
  const instructions = Buffer.allocUnsafeSlow(program.length * 8);
  program.forEach(({ code, jt, jf, k }, i) => {
    instructions.writeUInt16LE(code, i * 8);
    instructions[i * 8 + 2] = jt;
    instructions[i * 8 + 3] = jf;
    instructions.writeUInt32LE(k, i * 8 + 4);
  });
  // struct sock_fprog: u16 length, pointer.
  const fprog = Buffer.alloc(16);
  fprog.writeUInt16LE(program.length, 0);
  fprog.writeBigUInt64LE(addressOf(instructions), 8);
  orThrow('setsockopt SO_ATTACH_FILTER', setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, fprog, 16));
}

/** Idempotent. */
export function detachFilter(fd: number): void {
  setOption(fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
}
