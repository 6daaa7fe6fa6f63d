import type { DoorDescription } from '#api/door.ts';
import { readDescription } from '#intent/read-description.ts';
import type { Id } from '#model/id.ts';
import type { Endpoint } from '#model/records.ts';
import type { Attachment } from './attachment.ts';
import { attachedAs } from './door-handle.ts';
import type { AgentEffect, DoorHandle } from './event.ts';
import { keepJournal } from './keep-journal.ts';
import { addToView } from './own-word.ts';
import type { AgentState } from './state.ts';

type Told = Partial<Pick<Endpoint, 'name' | 'aliases' | 'containerId' | 'image' | 'interface'>>;

/** What the runtime calls the container, and who may ask for it by which names. */
export function describe(state: AgentState, door: DoorHandle, words: DoorDescription): AgentEffect[] {
  const attachment = attachedAs(state, door);
  return attachment ? retell(state, attachment.endpoint.id, readDescription(words)) : [];
}

/**
 * The record says something else by now that the kernel has nothing to do with: a new generation of it, on disk before
 * anybody hears of it. The same again changes nothing.
 */
export function retell(
  state: AgentState,
  id: Id,
  told: Told,
  more: Pick<Attachment, 'namespace'> = {},
): AgentEffect[] {
  const old = state.attachments.get(id)!;
  const isNews = (Object.keys(told) as (keyof Told)[]).some(
    (field) => String(told[field]) !== String(old.endpoint[field]),
  );
  if (!isNews && !more.namespace) return [];
  const endpoint = isNews
    ? { ...old.endpoint, ...told, generation: old.endpoint.generation + 1 }
    : old.endpoint;
  const attachment = { ...old, ...more, endpoint, published: old.published && !isNews };
  state.attachments.set(id, attachment);
  if (old.published && isNews) state.retold.add(id);
  // An attach of the same that is not answered yet is answered with this.
  for (const [request, attaching] of state.attaching)
    if (attaching.phase === 'settling' && attaching.endpoint?.id === id)
      state.attaching.set(request, { ...attaching, endpoint, attachment });
  addToView(state, endpoint);
  return keepJournal(state, id, 'patient');
}
