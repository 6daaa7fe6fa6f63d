import { createContextKey } from '@connectrpc/connect';

/** On whose behalf a request comes. A host may speak only of itself. */
export type Principal =
  | { readonly role: 'operator'; readonly name: string }
  | { readonly role: 'host'; readonly name: string };

/** On trusted local sockets: names the host that the caller speaks for; without it the caller is an operator. */
export const HOST_HEADER = 'weft-host';

export const principalKey = createContextKey<Principal | undefined>(undefined, {
  description: 'authenticated principal',
});

/** A certificate names its holder by a URI: `weft:host:h1` or `weft:operator:ann`. */
export function principalFromUri(uri: string): Principal | undefined {
  const match = /^weft:(host|operator):([A-Za-z0-9][A-Za-z0-9_.-]{0,127})$/.exec(uri);
  return match ? ({ role: match[1], name: match[2] } as Principal) : undefined;
}
