import type { Forgery } from './forgery.ts';
import type { Id } from './id.ts';
import type { KernelKind } from './kernel-state.ts';
import type { Notice } from './notice.ts';
import type { Revision } from './records.ts';
import type { VxlanRefusal } from './vxlan-refusal.ts';

/** How far a host's kernel is from what is wished. Drift, lag and failing are three things, never one number. */
export interface HostStatus {
  readonly host: Id;
  /** Lag is head − applied. */
  readonly appliedRevision: Revision;
  readonly headRevision: Revision;
  /** The view's revision when all that the host admitted itself was published: what it heard by then, it keeps to. */
  readonly settledRevision: Revision;
  /** Observed ≠ desired for a cause other than an unapplied revision; kinds without any are left out. */
  readonly drift: readonly Drift[];
  /** Of the networks' tunnels, the last one each. */
  readonly outages: readonly Outage[];
  /** Ops that the kernel refused. */
  readonly failing: readonly FailedOp[];
  /** Frames that were dropped because of what they said. */
  readonly refused: readonly RefusedFrames[];
  readonly notices: readonly Notice[];
  /** Rules of ours in others' chains, as `iptables -S` has them: without, those chains would drop what is forwarded. */
  readonly permits: readonly string[];
  /** Local endpoints, and networks taken part in. */
  readonly endpoints: number;
  readonly networks: number;
}

/** A tunnel was made anew, and carried nothing meanwhile. */
export interface Outage {
  readonly network: Id;
  /** Of the view that asked for it. */
  readonly revision: Revision;
  readonly durationMs: number;
}

/** Since the rules were written that count them. */
export interface RefusedFrames {
  /** Whose port they came through; for VXLAN from outside the name of the host's interface. */
  readonly from: { readonly endpoint: Id } | { readonly device: string };
  readonly kind: Forgery | VxlanRefusal;
  readonly count: number;
}

export interface Drift {
  readonly kind: KernelKind;
  readonly missing: number;
  readonly extra: number;
  readonly changed: number;
}

export interface FailedOp {
  /** The op as an `ip` or `bridge` line. */
  readonly command: string;
  readonly errno: string;
  /** The kernel's own text. */
  readonly text: string;
  readonly retryable: boolean;
}
