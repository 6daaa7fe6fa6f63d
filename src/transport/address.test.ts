import { expect, test } from 'vitest';
import { formatAddress, parseAddress } from './address.ts';

test.each([
  ['unix:///run/weft/agent.sock', 'unix:///run/weft/agent.sock'],
  ['/run/weft/agent.sock', 'unix:///run/weft/agent.sock'],
  ['https://10.0.0.1:7000', 'https://10.0.0.1:7000'],
  ['https://controller.example', 'https://controller.example:7470'],
  ['http://[::1]:80/', 'http://[::1]:80'],
  ['http://127.0.0.1', 'http://127.0.0.1:7470'],
  ['http://localhost:80', 'http://localhost:80'],
])('%s is an address', (text, formatted) => {
  const address = parseAddress(text);
  expect(address.ok && formatAddress(address.value)).toBe(formatted);
});

test.each([
  '',
  'ftp://x',
  'http://',
  'https://h:0',
  'https://h:65536',
  'http://a b',
  'unix://relative',
  `/${'x'.repeat(107)}`,
])('"%s" is none, and says what is', (text) => {
  expect(parseAddress(text)).toMatchObject({ ok: false, fix: expect.stringMatching(/./) });
});

test.each([
  ['http://10.0.0.1', 'https://10.0.0.1:7470'],
  ['http://[fd00::1]:80', 'https://[fd00::1]:80'],
  ['http://controller.example', 'https://controller.example:7470'],
])('%s, where nobody listens, is told from https://', (text, meant) => {
  expect(parseAddress(text)).toEqual({
    ok: false,
    problem: 'would carry plain text across machines',
    fix: `write ${meant} and give certificates`,
  });
});
