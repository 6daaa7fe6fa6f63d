import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import type { TLSSocket } from 'node:tls';
import { type Principal, principalFromUri } from '#api/principal.ts';

/** PEM contents: who we are, and whose word we take. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

/** Which file of PEM is of no use, and what to do. */
export class TlsFileError extends Error {
  override readonly name = 'TlsFileError';
  readonly next: string;
  /** As scripts hear of it (cli/exit-code.ts). */
  readonly exit = 'usage';

  constructor(setting: keyof TlsFiles, path: string, problem: string, next: string) {
    super(`tls-${setting} "${path}": ${problem}`);
    this.next = next;
  }
}

/**
 * Throws {@link TlsFileError} where a file holds something else, which OpenSSL would say in words of its own and at the
 * first connection; the system's error where one cannot be read.
 */
export function readTlsFiles(paths: Readonly<Record<keyof TlsFiles, string>>): TlsFiles {
  const [cert, key, ca] = [paths.cert, paths.key, paths.ca].map((path) => fs.readFileSync(path)) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  const own = readCertificate('cert', paths.cert, cert);
  readCertificate('ca', paths.ca, ca);
  if (!own.checkPrivateKey(readKey(paths.key, key)))
    throw new TlsFileError('key', paths.key, `is not the key of ${paths.cert}`, 'give both of one pair');
  return { cert, key, ca };
}

/** Whether OpenSSL or Node's TLS names what went wrong so; the system has words like ECONNREFUSED, a resolver EAI_AGAIN. */
export const isOfTls = (code = ''): boolean =>
  code.includes('_') && !/^(EAI|HPE|ERR_STREAM|ERR_SOCKET|ERR_HTTP)_/.test(code);

/** When our own certificate ceases to be one. */
export const validTo = ({ cert }: TlsFiles): Date => new Date(new X509Certificate(cert).validTo);

function readCertificate(setting: 'cert' | 'ca', path: string, bytes: Buffer): X509Certificate {
  try {
    // It would take DER, which TLS does not.
    if (bytes.includes('-----BEGIN ')) return new X509Certificate(bytes);
  } catch {
    // Said below.
  }
  throw new TlsFileError(setting, path, 'holds no certificate in PEM', 'give the path of one');
}

function readKey(path: string, bytes: Buffer): KeyObject {
  try {
    return createPrivateKey(bytes);
  } catch {
    const problem = bytes.includes('ENCRYPTED') ? 'is encrypted' : 'holds no private key in PEM';
    throw new TlsFileError('key', path, problem, 'give the path of a key without a passphrase');
  }
}

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
