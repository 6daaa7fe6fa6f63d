import type { Entropy, Id } from '#model/id.ts';
import type { Notice } from '#model/notice.ts';
import type { Change, StoredRecord } from '#model/records.ts';

/** A wish that may be kept. No changes: what it asks for is already so. */
export interface Admitted {
  readonly outcome: 'admitted';
  /** To be committed together and in this order, against the revision of the snapshot that was looked at. */
  readonly changes: readonly Change[];
  /** The record the wish is about, as it is (or, for a removal, was); absent when there was none to remove. */
  readonly subject?: StoredRecord;
  /** What is granted but worth knowing. */
  readonly notices: readonly Notice[];
  /**
   * The changes only take addresses out of these hosts' blocks. When each of them has settled at the revision of the
   * commit, nobody else can give the addresses: then the wish is to be admitted again.
   */
  readonly askFirst?: readonly Id[];
}

/** Time and chance, handed in: the same wish, snapshot and chance give the same answer. */
export interface Chance {
  /** In milliseconds: that of the wall clock, but that it does not jump when that is set. */
  readonly now: number;
  readonly entropy: Entropy;
}

export const admitted = (
  changes: readonly Change[],
  subject?: StoredRecord,
  notices: readonly Notice[] = [],
): Admitted => ({ outcome: 'admitted', changes, subject, notices });
