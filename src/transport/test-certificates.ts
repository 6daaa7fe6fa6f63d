import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { readTlsFiles, type TlsFiles } from './tls.ts';

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });

/** `NAME.pem` and `NAME.key` in that directory, for a day: a certificate that trusts itself alone. */
export function makePair(
  directory: string,
  name: string,
  subjectAltName = `DNS:${name}`,
): Record<keyof TlsFiles, string> {
  const [cert, key] = [path.join(directory, `${name}.pem`), path.join(directory, `${name}.key`)];
  const who = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${subjectAltName}`, '-days', '1'];
  openssl('req', '-x509', ...KEY, '-keyout', key, '-out', cert, ...who);
  return { cert, key, ca: cert };
}

/** A certificate authority of its own; gives certificates with that subject alternative name, by openssl's words on how long they last. */
export function makeAuthority(
  directory: string,
): (name: string, subjectAltName: string, lasting?: readonly string[]) => TlsFiles {
  const file = (name: string) => path.join(directory, name);
  const { cert: ca, key: caKey } = makePair(directory, 'ca');
  return (name, subjectAltName, lasting = ['-days', '1']) => {
    const paths = { cert: file(`${name}.pem`), key: file(`${name}.key`), ca };
    openssl('req', ...KEY, '-keyout', paths.key, '-out', file('csr'), '-subj', `/CN=${name}`);
    fs.writeFileSync(file('ext'), `subjectAltName=${subjectAltName}\n`);
    const issue = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-extfile', file('ext')];
    openssl('x509', '-req', '-in', file('csr'), ...issue, '-out', paths.cert, ...lasting);
    return readTlsFiles(paths);
  };
}
