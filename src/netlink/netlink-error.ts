import { constants } from 'node:os';

/** What the kernel (or libc, or our own bounds check) said no to, kept as data so that nobody parses text. */
export interface NetlinkFailure {
  /** errno number as in asm-generic/errno.h; positive. */
  errno: number;
  /** What was asked: a message type ("RTM_NEWLINK") or a system call ("setns"). */
  request: string;
  /** The other side's own words: NLMSGERR_ATTR_MSG of the extended acknowledgement, or our own sentence. */
  text?: string;
  /** The attribute the kernel points at (NLMSGERR_ATTR_OFFS): its type and its offset in our message. */
  attribute?: { type: number; offset: number };
  /** The attribute that the kernel missed (NLMSGERR_ATTR_MISS_TYPE). */
  missingAttribute?: number;
}

/** The same request may succeed later, unchanged: shortage, contention, or a state read while it moved. */
const RETRYABLE: ReadonlySet<number> = new Set([
  constants.errno.EAGAIN,
  constants.errno.EBUSY,
  constants.errno.EINTR,
  constants.errno.ENOBUFS,
  constants.errno.ENOMEM,
]);

/** The one error of this room: a refusal by the kernel, or bytes that are no netlink. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
  readonly errno: number;
  /** errno by name, e.g. "EEXIST". */
  readonly code: string;
  readonly request: string;
  readonly text: string | undefined;
  readonly attribute: NetlinkFailure['attribute'];
  readonly missingAttribute: number | undefined;
  readonly retryable: boolean;

  constructor(failure: NetlinkFailure) {
    const code = errnoName(failure.errno);
    super(`${failure.request}: ${code}${failure.text ? `: ${failure.text}` : ''}`);
    this.errno = failure.errno;
    this.code = code;
    this.request = failure.request;
    this.text = failure.text;
    this.attribute = failure.attribute;
    this.missingAttribute = failure.missingAttribute;
    this.retryable = RETRYABLE.has(failure.errno);
  }
}

/** Bytes from the other side that do not hold together; never the caller's fault. */
export function malformed(text: string): NetlinkError {
  return new NetlinkError({ errno: constants.errno.EBADMSG, request: 'decode', text });
}

export const isMalformed = (error: unknown): boolean =>
  error instanceof NetlinkError && error.errno === constants.errno.EBADMSG;

/** A value that cannot be put into a message; found before the kernel is asked. */
export function unencodable(text: string): NetlinkError {
  return new NetlinkError({ errno: constants.errno.EINVAL, request: 'encode', text });
}

/** An error of `node:fs` (or any with a negative errno) as ours; anything else is passed on. */
export function fromSystemError(error: unknown, request: string): unknown {
  const errno = (error as NodeJS.ErrnoException).errno;
  if (error instanceof NetlinkError || typeof errno !== 'number') return error;
  return new NetlinkError({ errno: -errno, request, text: (error as Error).message });
}

/** 17 → "EEXIST"; a number without a name comes back as "E17". */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `E${errno}`;
}

/** Two names share a number in places; these are the ones the kernel's own messages use. */
const PREFERRED = ['EAGAIN', 'EOPNOTSUPP'];
const NAMES = new Map(
  Object.entries(constants.errno)
    .sort(([a], [b]) => Number(PREFERRED.includes(a)) - Number(PREFERRED.includes(b)))
    .map(([name, number]) => [number, name]),
);
