import * as z from 'zod';
import { createId, type Entropy, type Id } from '#model/id.ts';
import type { Life } from '#model/life.ts';
import type { Revision } from '#model/records.ts';
import type { Store } from '#store/store.ts';

const KEY = 'lives';
/** Hosts that were away for longer than all of these are told everything as if it were new. */
const MOST_LIVES = 100;

const livesSchema = z.array(z.object({ id: z.string().transform((id) => id as Id), from: z.number() }));

/**
 * Notes in the store that a process writes it from that revision on, and returns all its lives. On disk it is with the
 * first commit of this one; of a life without any nobody needs to know. A full disk keeps nobody from starting: hosts then
 * take the next life for one after a backup.
 */
export async function beginLife(
  store: Pick<Store, 'readStatus' | 'putStatus'>,
  from: Revision,
  { now, entropy }: { readonly now: number; readonly entropy: Entropy },
  onUnkept: (error: unknown) => void = () => {},
): Promise<readonly Life[]> {
  const kept = (await store.readStatus()).get(KEY);
  const before = kept ? livesSchema.parse(JSON.parse(new TextDecoder().decode(kept))) : [];
  // One that wrote nothing is none: a controller that is started a hundred times over must not push the others out.
  const written = before.filter((life) => life.from < from);
  const lives = [...written, { id: createId(now, entropy), from }].slice(-MOST_LIVES);
  await store.putStatus(KEY, new TextEncoder().encode(JSON.stringify(lives))).catch(onUnkept);
  return lives;
}
