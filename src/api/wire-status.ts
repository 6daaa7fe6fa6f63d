import { create } from '@bufbuild/protobuf';
import * as z from 'zod';
import { fault } from '#model/fault.ts';
import { FORGERIES } from '#model/forgery.ts';
import type { HostStatus } from '#model/host-status.ts';
import { type Id, isId } from '#model/id.ts';
import { KERNEL_KINDS } from '#model/kernel-state.ts';
import { VXLAN_REFUSALS } from '#model/vxlan-refusal.ts';
import { type HostStatus as HostStatusMessage, HostStatusSchema } from './gen/weft/v1/records_pb.ts';
import { WireError } from './wire-records.ts';

const count = z.number().int().min(0);
const id = z
  .string()
  .refine(isId, 'is not an id')
  .transform((text) => text as Id);
const MAX_WORDS = 4096;
const words = z.string().max(MAX_WORDS);
/** Of each kind: what is more is not told, so that it does not keep back how far the host has come. */
const MAX_LISTED = 1000;

/** The status as it is kept and sent: what an agent says of itself is hostile until it has passed. */
export const hostStatusSchema = z.object({
  host: id,
  appliedRevision: count,
  headRevision: count,
  settledRevision: count,
  drift: z
    .array(z.object({ kind: z.enum(KERNEL_KINDS), missing: count, extra: count, changed: count }))
    .max(KERNEL_KINDS.length),
  outages: z
    .array(z.object({ network: id, revision: count, durationMs: z.number().min(0) }))
    .max(4096)
    .default([]),
  refused: z
    .array(
      z.object({
        from: z.union([z.object({ endpoint: id }), z.object({ device: words })]),
        kind: z.enum([...FORGERIES, ...VXLAN_REFUSALS]),
        count,
      }),
    )
    .max(65_536)
    .default([]),
  failing: z
    .array(z.object({ command: words, errno: words, text: words, retryable: z.boolean() }))
    .max(MAX_LISTED),
  notices: z.array(z.object({ code: words, title: words, sentence: words, next: words })).max(MAX_LISTED),
  permits: z.array(words).max(MAX_LISTED).default([]),
  endpoints: count,
  networks: count,
});

export function statusFromWire(message: HostStatusMessage | undefined): HostStatus {
  const result = hostStatusSchema.safeParse(
    message && {
      ...message,
      appliedRevision: Number(message.appliedRevision),
      headRevision: Number(message.headRevision),
      settledRevision: Number(message.settledRevision),
      refused: message.refused.map(({ endpoint, device, kind, count }) => ({
        from: endpoint ? { endpoint } : { device },
        kind,
        count: Number(count),
      })),
    },
  );
  if (result.success) return result.data;
  throw new WireError(
    result.error.issues.map((issue) =>
      fault(`status.${issue.path.join('.')}`, '', issue.message, 'send it as the schema says'),
    ),
  );
}

export const statusToWire = (status: HostStatus): HostStatusMessage =>
  create(HostStatusSchema, {
    ...status,
    appliedRevision: BigInt(status.appliedRevision),
    headRevision: BigInt(status.headRevision),
    settledRevision: BigInt(status.settledRevision),
    drift: [...status.drift],
    outages: [...status.outages],
    refused: status.refused.map(({ from, kind, count }) => ({ ...from, kind, count: BigInt(count) })),
    failing: fitting(status.failing, shortened),
    notices: fitting(status.notices, shortened),
    permits: fitting(status.permits, cut),
  });

/** A chain of ours is as long as many ports are published: so is the command that was refused. */
const cut = (text: string): string => (text.length <= MAX_WORDS ? text : `${text.slice(0, MAX_WORDS - 1)}…`);

const shortened = <T extends object>(told: T): T =>
  Object.fromEntries(
    Object.entries(told).map(([field, value]) => [field, typeof value === 'string' ? cut(value) : value]),
  ) as T;

/** Of each kind: a request is no longer than a mebibyte (transport/answer-calls.ts). */
const MAX_LENGTH = 1 << 18;

/** As many as can be told, each cut. */
function fitting<T>(all: readonly T[], short: (each: T) => T): T[] {
  let length = 0;
  const told = all.slice(0, MAX_LISTED).map((each) => short(each));
  return told.filter((each) => {
    length += JSON.stringify(each).length;
    return length <= MAX_LENGTH;
  });
}
