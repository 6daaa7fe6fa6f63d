import fs from 'node:fs';
import type { TLSSocket } from 'node:tls';
import { type Principal, principalFromUri } from '#api/principal.ts';

/** PEM contents: who we are, and whose word we take. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

export const readTlsFiles = (paths: Readonly<Record<keyof TlsFiles, string>>): TlsFiles => ({
  cert: fs.readFileSync(paths.cert),
  key: fs.readFileSync(paths.key),
  ca: fs.readFileSync(paths.ca),
});

/** Who the verified certificate at the other end names, by its URI subject alternative name. */
export function peerPrincipal(socket: TLSSocket): Principal | undefined {
  if (!socket.authorized) return undefined;
  const names = socket.getPeerCertificate().subjectaltname?.split(', ') ?? [];
  for (const name of names) {
    const principal = name.startsWith('URI:') && principalFromUri(name.slice('URI:'.length));
    if (principal) return principal;
  }
  return undefined;
}
