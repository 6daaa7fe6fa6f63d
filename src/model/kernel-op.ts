import type { KernelObject } from './kernel-state.ts';

/** One write to the kernel, as a value. */
export type KernelOp =
  | { readonly verb: 'add'; readonly object: KernelObject }
  /** Made in place; `was` is what was seen. */
  | { readonly verb: 'change'; readonly object: KernelObject; readonly was: KernelObject }
  | { readonly verb: 'delete'; readonly object: KernelObject };

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
