import type { KernelObject } from './kernel-state.ts';
import type { Rows } from './rows.ts';

/** One write to the kernel, as a value. */
export type KernelOp =
  | {
      readonly verb: 'add';
      readonly object: KernelObject;
      /** Many of one device at once, packed: all of them; `object` is the first. */
      readonly rows?: Rows;
    }
  /** Made in place; `was` is what was seen. */
  | { readonly verb: 'change'; readonly object: KernelObject; readonly was: KernelObject }
  | { readonly verb: 'delete'; readonly object: KernelObject };

/** How many objects it is about. */
export const sizeOf = (op: KernelOp): number => (op.verb === 'add' && op.rows?.length) || 1;

/** The same, each about one object. */
export const singleOps = (ops: readonly KernelOp[]): KernelOp[] =>
  ops.flatMap((op) => (op.verb === 'add' && op.rows ? Array.from(op.rows, addOf) : op));

const addOf = (object: KernelObject): KernelOp => ({ verb: 'add', object });

/** What became of an op. Adding what is there and deleting what is not are successes. */
export type OpResult =
  | {
      readonly ok: true;
      readonly op: KernelOp;
      /** Of a tunnel, by a clock that never goes back: when its deletion began, or it was there. */
      readonly atMs?: number;
      /** Acknowledged, but without effect before threads of the kernel's own have come to it. */
      readonly late?: true;
    }
  | { readonly ok: false; readonly op: KernelOp; readonly error: OpError };

export interface OpError {
  /** Such as EEXIST. */
  readonly errno: string;
  /** The kernel's own text (extended acknowledgement), or its strerror. */
  readonly text: string;
  /** The op as an `ip` or `bridge` line. */
  readonly command: string;
  /** Whether the same op may succeed later with nothing else changed. */
  readonly retryable: boolean;
}
