import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makePair, openssl } from './test-certificates.ts';
import { isOfTls, readTlsFiles } from './tls.ts';

let directory: string;
const file = (name: string) => path.join(directory, name);

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'weft-tls-'));
  for (const name of ['h1', 'h2']) makePair(directory, name);
  openssl('x509', '-in', file('h1.pem'), '-outform', 'DER', '-out', file('h1.der'));
  openssl('pkcs8', '-topk8', '-in', file('h1.key'), '-passout', 'pass:x', '-out', file('locked.key'));
  writeFileSync(file('garbage.pem'), 'x');
});
afterAll(() => rmSync(directory, { recursive: true }));

const read = (cert: string, key: string, ca: string) => () =>
  readTlsFiles({ cert: file(cert), key: file(key), ca: file(ca) });

test('a pair and who is trusted', () => {
  expect(read('h1.pem', 'h1.key', 'h2.pem')()).toHaveProperty('cert');
});

test.each([
  ['h1.pem', 'h2.key', 'h1.pem', 'tls-key', 'h2.key', 'is not the key of'],
  ['garbage.pem', 'h1.key', 'h1.pem', 'tls-cert', 'garbage.pem', 'holds no certificate'],
  ['h1.key', 'h1.key', 'h1.pem', 'tls-cert', 'h1.key', 'holds no certificate'],
  ['h1.der', 'h1.key', 'h1.pem', 'tls-cert', 'h1.der', 'holds no certificate'],
  ['h1.pem', 'h1.key', 'garbage.pem', 'tls-ca', 'garbage.pem', 'holds no certificate'],
  ['h1.pem', 'h1.pem', 'h1.pem', 'tls-key', 'h1.pem', 'holds no private key'],
  ['h1.pem', 'locked.key', 'h1.pem', 'tls-key', 'locked.key', 'is encrypted'],
])('%s, %s and %s: which setting is wrong, and why', (cert, key, ca, setting, wrong, problem) => {
  const expected = expect.objectContaining({ exit: 'usage', next: expect.stringMatching(/^give /) });
  expect(read(cert, key, ca)).toThrow(expected);
  expect(read(cert, key, ca)).toThrow(`${setting} "${file(wrong)}": ${problem}`);
});

test.each([
  ['CERT_HAS_EXPIRED', true],
  ['ERR_TLS_CERT_ALTNAME_INVALID', true],
  ['ECONNREFUSED', false],
  ['EAI_AGAIN', false],
])('%s is of TLS: %s', (code, answer) => {
  expect(isOfTls(code)).toBe(answer);
});
