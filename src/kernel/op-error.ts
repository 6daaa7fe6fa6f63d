import { getSystemErrorMap } from 'node:util';
import type { KernelOp, OpError } from '#model/kernel-op.ts';
import { renderOp } from '#model/render-kernel.ts';

const MEANINGS = new Map(getSystemErrorMap().values());

/** Shortage and contention pass; the same op may succeed later with nothing else changed. */
const RETRYABLE = new Set(['EAGAIN', 'EBUSY', 'EINTR', 'ENOBUFS', 'ENOMEM']);

/** A refused op, with the op as an `ip` or `bridge` line. Without a text of the kernel's own, errno's meaning. */
export const opError = (op: KernelOp, errno: string, text?: string): OpError => ({
  errno,
  text: text ?? MEANINGS.get(errno) ?? errno,
  command: renderOp(op).join('; '),
  retryable: RETRYABLE.has(errno),
});
