import type { RejectionReason } from '#model/fault.ts';

/** What scripts can rely on. Shown by `weft --help` and the README; numbers never change their meaning. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'done' },
  failed: { code: 1, meaning: 'failed for a reason of the machine or of Weft itself' },
  usage: { code: 2, meaning: 'bad input or usage; nothing was changed' },
  notFound: { code: 3, meaning: 'what was named does not exist' },
  refused: { code: 4, meaning: 'refused: in conflict with what is there, exhausted, or not permitted' },
  unreachable: { code: 5, meaning: 'agent or controller cannot be reached now; may be tried again' },
  unwell: {
    code: 6,
    meaning:
      'status: a host is away or silent, lags, drifts, fails or has a notice; audit: something was found',
  },
  interrupted: { code: 130, meaning: 'interrupted by Ctrl-C' },
} as const;

export type ExitName = keyof typeof EXIT_CODES;

export const exitCodeOf = (name: ExitName): number => EXIT_CODES[name].code;

/** Which exit a refused wish leads to. */
export const EXIT_OF_REJECTION: Readonly<Record<RejectionReason, ExitName>> = {
  invalid: 'usage',
  absent: 'notFound',
  conflict: 'refused',
  exhausted: 'refused',
  forbidden: 'refused',
  unavailable: 'unreachable',
};
