import { expect, test } from 'vitest';
import { formatAddress, parseAddress } from './address.ts';

test.each([
  ['unix:///run/weft/agent.sock', 'unix:///run/weft/agent.sock'],
  ['/run/weft/agent.sock', 'unix:///run/weft/agent.sock'],
  ['https://10.0.0.1:7000', 'https://10.0.0.1:7000'],
  ['https://controller.example', 'https://controller.example:7470'],
  ['http://[::1]:80/', 'http://[::1]:80'],
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
