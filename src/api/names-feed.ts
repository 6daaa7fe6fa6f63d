import type { Id } from '#model/id.ts';
import type { NamedEndpoint, NamedNetwork } from '#model/named.ts';
import type { Revision } from '#model/records.ts';

/*
 * Between the agent and the resolver of its host, over a unix socket that only root reaches: one JSON value a line.
 * Both are of one program; an agent of another version starts a resolver of its own, which takes the sockets over.
 */

/** Where the resolver is then that was at `socket` before. */
export const formerSocket = (socket: string): string => `${socket}.old`;

/** A container's namespace, whose questions the resolver is to answer. */
export interface Sandbox {
  readonly path: string;
  /** Of the namespace that is meant (SO_NETNS_COOKIE); unknown of one that its runtime is still to put there. */
  readonly cookie?: string;
  /** Those that the container takes part in, the preferred one first. */
  readonly networks: readonly Id[];
}

export type ToResolver =
  /** What is told until `whole-ends` replaces all names at once; till then the old ones are answered with. */
  | { readonly say: 'whole-begins' }
  | {
      readonly say: 'names';
      readonly networks: readonly NamedNetwork[];
      readonly endpoints: readonly NamedEndpoint[];
      /** Networks and endpoints that are no more. */
      readonly gone: readonly Id[];
      readonly revision: Revision;
    }
  | { readonly say: 'whole-ends' }
  /** All that there are. */
  | { readonly say: 'sandboxes'; readonly sandboxes: readonly Sandbox[] }
  /** Whether the names are all that there are at this moment. */
  | { readonly say: 'current'; readonly isCurrent: boolean }
  /** What was open for the one that was killed; comes before the sandboxes. */
  | ({ readonly say: 'held' } & SocketsOf)
  /** Another is to take over: tell it where the sockets are, and serve on. */
  | { readonly say: 'hand-over' }
  /** It serves those namespaces, by cookie: end when what was asked is answered, and leave their rules to it. */
  | { readonly say: 'make-way'; readonly taken: readonly string[] };

export type FromResolver =
  /** Comes first; the revision of the names that it has, 0 when it has none. */
  | { readonly say: 'hello'; readonly version: string; readonly revision: Revision }
  /** Sandboxes whose questions it cannot take, and why; all that there are. */
  | { readonly say: 'troubles'; readonly troubles: readonly Trouble[] }
  /** All that it serves by: told when they change, and when it is to hand them over. */
  | ({ readonly say: 'sockets' } & SocketsOf);

/** What a process has open. */
export interface SocketsOf {
  readonly pid: number;
  /** Each with the cookie of its namespace: descriptors are given again. */
  readonly sockets: readonly (Sockets & { readonly cookie: string })[];
}

/** A namespace's, by their descriptors. */
export interface Sockets {
  readonly udp: number;
  readonly tcp: number;
}

export interface Trouble {
  readonly path: string;
  readonly text: string;
}
