import { type Fault, type Rejection, type RejectionReason, reject } from '#model/fault.ts';

/** The faults found in one wish so far, sorted by what kind of answer each deserves. Filled in place. */
export type Faults = Readonly<Record<FaultReason, Fault[]>>;
type FaultReason = Extract<RejectionReason, 'invalid' | 'absent' | 'conflict' | 'exhausted'>;

/** A rejection has one reason: the first of these that has a fault, as mending that comes first. */
const REASONS: readonly FaultReason[] = ['invalid', 'absent', 'conflict', 'exhausted'];
/** Nobody reads more, and a wish full of junk must not become an answer full of junk. */
const MAX_FAULTS = 100;

export const noFaults = (): Faults => ({ invalid: [], absent: [], conflict: [], exhausted: [] });

/** All faults as one rejection, or undefined when there are none. */
export function rejection(faults: Faults): Rejection | undefined {
  const reason = REASONS.find((each) => faults[each].length > 0);
  if (!reason) return undefined;
  return reject(reason, ...REASONS.flatMap((each) => faults[each]).slice(0, MAX_FAULTS));
}

type Complete<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/**
 * The fields that were read, once there is no fault. A reader answers undefined only after adding a fault, so
 * without faults every field is there.
 */
export function complete<T extends object>(faults: Faults, fields: T): Complete<T> | Rejection {
  const refused = rejection(faults);
  if (refused) return refused;
  for (const [field, value] of Object.entries(fields))
    if (value === undefined) throw new Error(`${field} was not read, and no fault says why`);
  return fields as Complete<T>;
}
