import type { Attachment } from './attachment.ts';
import type { DoorHandle } from './event.ts';
import type { AgentState } from './state.ts';

/** What came through a door under that handle and is not forgotten yet, the newest last. */
export const attachmentsOf = ({ attachments }: AgentState, { runtime, handle }: DoorHandle): Attachment[] =>
  [...attachments.values()].filter(
    (attachment) => attachment.handle === handle && attachment.endpoint.runtime === runtime,
  );

export const attachedAs = (state: AgentState, door: DoorHandle): Attachment | undefined =>
  attachmentsOf(state, door).findLast(({ state: is }) => is === 'attached');
