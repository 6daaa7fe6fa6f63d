import { Code, ConnectError } from '@connectrpc/connect';
import { formatFault, type Rejection, type RejectionReason } from '#model/fault.ts';
import { type Rejection as RejectionMessage, RejectionSchema } from './gen/weft/v1/records_pb.ts';

/** A Rejection travels as a Connect error of a fitting code, with the faults as its detail. */
const CODES: Readonly<Record<RejectionReason, Code>> = {
  invalid: Code.InvalidArgument,
  absent: Code.NotFound,
  conflict: Code.AlreadyExists,
  exhausted: Code.ResourceExhausted,
  forbidden: Code.PermissionDenied,
  unavailable: Code.Unavailable,
};

export const rejectionToError = (rejection: Rejection): ConnectError =>
  new ConnectError(rejection.faults.map(formatFault).join('\n'), CODES[rejection.reason], undefined, [
    { desc: RejectionSchema, value: rejectionToWire(rejection) },
  ]);

export const rejectionToWire = ({ reason, faults }: Rejection) => ({ reason, faults: [...faults] });

/** The Rejection inside an error, if it carries one. */
export function rejectionFromError(error: unknown): Rejection | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  const [detail] = error.findDetails(RejectionSchema);
  return detail && rejectionFromWire(detail);
}

/** Undefined for a reason that this program does not know. */
export function rejectionFromWire({ reason, faults }: RejectionMessage): Rejection | undefined {
  if (!(reason in CODES)) return undefined;
  const plain = faults.map(({ field, value, problem, fix }) => ({ field, value, problem, fix }));
  return { outcome: 'rejected', reason: reason as RejectionReason, faults: plain };
}
