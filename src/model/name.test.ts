import { describe, expect, it } from 'vitest';
import { foldName, parseHostName, parseInterfaceName, parseName } from './name.ts';

/** What a shell, a terminal, a path or a resolver could take for something else. */
const HOSTILE = [
  '',
  ' ',
  'a b',
  ' a',
  'a ',
  'a\n',
  'a\nb',
  'a\0',
  'a\u001b[31m',
  'a;b',
  '`a`',
  '$(a)',
  '$a',
  '{a}',
  'a|b',
  'a&b',
  'a>b',
  '"a"',
  "'a'",
  '--force',
  '-a',
  '../a',
  'a/b',
  '.',
  '..',
  'a:b',
  'a%b',
  'größe',
  'аdmin',
  'a\u202eb',
  '名前',
  '😀',
];

describe('parseName', () => {
  it.each(['a', '9', 'Web_1.prod-eu', '0-._', 'x'.repeat(128)])('takes %.40s as it is', (name) => {
    expect(parseName(name)).toEqual({ ok: true, value: name });
  });
  it.each([...HOSTILE, '_a', '.a'])('refuses %j', (text) => {
    expect(parseName(text)).toMatchObject({ ok: false, problem: 'is not a valid name' });
  });
  it.each([129, 300, 1_000_000])('refuses %s characters', (length) => {
    expect(parseName('x'.repeat(length))).toMatchObject({ problem: 'is longer than 128 characters' });
  });
});

describe('parseHostName', () => {
  it.each([
    ['h1', 'h1'],
    ['Web-01', 'web-01'],
    ['x'.repeat(63), 'x'.repeat(63)],
  ])('takes %s', (text, name) => {
    expect(parseHostName(text)).toEqual({ ok: true, value: name });
  });
  it.each([...HOSTILE, 'a.b', 'a_b', 'a-', 'x'.repeat(64), 'x'.repeat(300)])('refuses %.60j', (text) => {
    expect(parseHostName(text)).toMatchObject({ ok: false, problem: 'is not a host name' });
  });
});

describe('parseInterfaceName', () => {
  it.each(['eth0', 'x', 'br-lan.100', 'veth@a', '_if', 'x'.repeat(15)])('takes %s', (name) => {
    expect(parseInterfaceName(name)).toEqual({ ok: true, value: name });
  });
  it.each(HOSTILE)('refuses %j', (text) => {
    expect(parseInterfaceName(text)).toMatchObject({ ok: false, problem: 'is not an interface name' });
  });
  it.each([16, 300])('refuses %s characters', (length) => {
    expect(parseInterfaceName('x'.repeat(length))).toEqual({
      ok: false,
      problem: `has ${length} characters`,
      fix: 'the kernel takes at most 15 (IFNAMSIZ)',
    });
  });
  // `ip link add all type veth`: RTNETLINK answers: Invalid argument.
  it.each(['lo', 'all', 'default'])('refuses %s, which the kernel keeps for itself', (text) => {
    expect(parseInterfaceName(text)).toMatchObject({ ok: false, problem: 'is reserved' });
  });
});

it('compares names without case', () => {
  expect(foldName('Web_1')).toBe(foldName('wEB_1'));
});
