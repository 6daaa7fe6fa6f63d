import * as z from 'zod';
import { hostStatusSchema } from '#api/wire-status.ts';
import type { HostStatus } from '#model/host-status.ts';
import type { Id } from '#model/id.ts';
import type { Store } from '#store/store.ts';

export interface KeptStatus {
  readonly status: HostStatus;
  /** By the clock of the controller that received it. */
  readonly reportedAtMs: number;
}

const PREFIX = 'host/';
export const statusKey = (host: Id): string => PREFIX + host;

const keptSchema = z.object({ status: hostStatusSchema, reportedAtMs: z.number() });

/** The last word of every host. What cannot be read is left out: the next report replaces it. */
export async function readStatuses(store: Store): Promise<KeptStatus[]> {
  const values = [...(await store.readStatus()).entries()].filter(([key]) => key.startsWith(PREFIX));
  return values.flatMap(([, value]) => {
    try {
      const result = keptSchema.safeParse(JSON.parse(new TextDecoder().decode(value)));
      return result.success ? [result.data] : [];
    } catch {
      return [];
    }
  });
}
