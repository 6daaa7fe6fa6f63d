import * as z from 'zod';
import { parseRecord } from '#api/wire-records.ts';
import { type Id, isId } from '#model/id.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import type { Endpoint, Revision } from '#model/records.ts';

/** What the agent promised to a container: its own durable word, older than anything the controller says later. */
export interface Attachment {
  readonly entry: 'attachment';
  readonly endpoint: Endpoint;
  /** Where its interface is. Of one that a runtime is still to move there it is unknown. */
  readonly namespace?: NamespaceRef;
  /** What its runtime calls it, when it came through that one's door. */
  readonly handle?: string;
  /** Where its runtime will have moved the interface. */
  readonly sandboxPath?: string;
  /** After a reboot the namespace is gone whatever its path says. */
  readonly bootId: string;
  /** `detaching`: to be taken out of the kernel, and the controller still to be told. */
  readonly state: 'attached' | 'detaching';
  /** Whether the controller has this generation of the endpoint. */
  readonly published: boolean;
  /** Since which revision: a word of the controller that is older may not know it yet. */
  readonly since: Revision;
}

/** Of which a process that reads the journal tells the controller. */
export const isUntold = ({ state, published }: Attachment): boolean => state === 'attached' && !published;

/** What goes is remembered on a full disk, too: else a process that reads the journal would have it again. */
export const givesBack = (entry: JournalEntry): boolean =>
  entry.entry === 'attachment' && entry.state === 'detaching';

/** Who this host is: made up at the first start, and what its kernel objects are named after. */
export interface Identity {
  readonly entry: 'identity';
  readonly host: Id;
}

/** Blocks that are going back to the controller: nothing is given from them (see hand-back.ts). */
export interface HandBackEntry {
  readonly entry: 'hand-back';
  readonly network: Id;
}

/** What a door remembers (see `DoorNotes`). */
export interface DoorNote {
  readonly entry: 'door-note';
  readonly note: unknown;
}

export type JournalEntry = Attachment | Identity | HandBackEntry | DoorNote;

const id = z
  .string()
  .refine(isId)
  .transform((id) => id as Id);

const entrySchema = z.discriminatedUnion('entry', [
  z.object({ entry: z.literal('identity'), host: id }),
  z.object({ entry: z.literal('hand-back'), network: id }),
  z.object({ entry: z.literal('door-note'), note: z.unknown() }),
  z.object({
    entry: z.literal('attachment'),
    endpoint: z.unknown().transform((value) => parseRecord('endpoint', value) as Endpoint),
    namespace: z
      .object({ path: z.string(), dev: z.number(), inode: z.number(), cookie: z.string() })
      .optional(),
    handle: z.string().optional(),
    sandboxPath: z.string().optional(),
    bootId: z.string(),
    state: z.enum(['attached', 'detaching']),
    published: z.boolean(),
    since: z.number(),
  }),
]);

/** Throws when the entry is not one of ours. */
export const parseJournalEntry = (value: unknown): JournalEntry => entrySchema.parse(value);

export const IDENTITY_KEY = 'identity';
const NOTE_PREFIX = 'note ';
export const noteKey = (key: string): string => NOTE_PREFIX + key;
export const keyOfNote = (key: string): string => key.slice(NOTE_PREFIX.length);
