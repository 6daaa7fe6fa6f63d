import type { Change, Endpoint, Host } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';

/** Something that an audit of the addresses found, as people are told it. */
export interface Finding {
  readonly code: FindingCode;
  readonly sentence: string;
  /** What a repair does about it; empty when that takes a decision. */
  readonly repair: string;
  /** What to do about it instead; empty when a repair does it. */
  readonly next: string;
  readonly changes: readonly Change[];
}

export type FindingCode =
  | 'lost-endpoint'
  | 'lost-block'
  | 'address-twice'
  | 'mac-twice'
  | 'address-unusable'
  | 'address-in-foreign-block'
  | 'stray-block'
  | 'blocks-overlap'
  | 'old-block'
  | 'unheld-exception'
  | 'container-gone';

export const repairable = (
  code: FindingCode,
  sentence: string,
  repair: string,
  ...changes: Change[]
): Finding => ({ code, sentence, repair, next: '', changes });

export const explained = (code: FindingCode, sentence: string, next: string): Finding => ({
  code,
  sentence,
  repair: '',
  next,
  changes: [],
});

export const nameOf = (snapshot: SnapshotView, host: Host['id']): string =>
  snapshot.hosts.get(host)?.name ?? host;

/** A detach is the matter of the host's own agent. */
export const howToDetach = (snapshot: SnapshotView, { id, name, host }: Endpoint): string =>
  `\`weft endpoint detach ${id}\` on host ${nameOf(snapshot, host)} (${name})`;
