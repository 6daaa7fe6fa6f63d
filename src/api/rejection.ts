import { Code, ConnectError } from '@connectrpc/connect';
import { formatFault, type Rejection, type RejectionReason } from '#model/fault.ts';
import { RejectionSchema } from './gen/weft/v1/records_pb.ts';

/** A Rejection travels as a Connect error of a fitting code, with the faults as its detail. */
const CODES: Readonly<Record<RejectionReason, Code>> = {
  invalid: Code.InvalidArgument,
  absent: Code.NotFound,
  conflict: Code.AlreadyExists,
  exhausted: Code.ResourceExhausted,
  forbidden: Code.PermissionDenied,
  unavailable: Code.Unavailable,
};

export const rejectionToError = ({ reason, faults }: Rejection): ConnectError =>
  new ConnectError(faults.map(formatFault).join('\n'), CODES[reason], undefined, [
    { desc: RejectionSchema, value: { reason, faults: [...faults] } },
  ]);

/** The Rejection inside an error, if it carries one. */
export function rejectionFromError(error: unknown): Rejection | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  const [detail] = error.findDetails(RejectionSchema);
  if (!detail || !(detail.reason in CODES)) return undefined;
  const faults = detail.faults.map(({ field, value, problem, fix }) => ({ field, value, problem, fix }));
  return { outcome: 'rejected', reason: detail.reason as RejectionReason, faults };
}
