import { expect, test } from 'vitest';
import type { ToResolver } from '#api/names-feed.ts';
import { resolve } from '#dns/resolve.ts';
import { wireName } from '#dns/wire-name.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import { Names } from './names.ts';

const APP = 'app' as Id;
const network = { id: APP, name: 'app', subnets: [] };
const endpoint = (name: string) => ({
  ...{ id: name as Id, network: APP, name, aliases: [] },
  addresses: ['10.1.0.5' as Ip],
});
const say = (revision: number, coming: string[], gone: string[] = []): ToResolver & { say: 'names' } => ({
  ...{ say: 'names', networks: [network], endpoints: coming.map(endpoint) },
  ...{ gone: gone as Id[], revision },
});
const finds = (names: Names, name: string) => resolve(names.asker([APP]), wireName(name)!).found;

test('names replace each other all at once', () => {
  const names = new Names();
  names.hear(say(1, ['old', 'both']));
  names.hear({ say: 'current', isCurrent: true });
  names.hear({ say: 'whole-begins' });
  names.hear(say(2, ['both']));
  expect([names.revision, finds(names, 'old')]).toEqual([1, 'endpoints']);
  names.hear(say(2, ['new']));
  expect(finds(names, 'new')).toBe('not-ours');
  names.hear({ say: 'whole-ends' });
  expect([names.revision, finds(names, 'new'), finds(names, 'both')]).toEqual([2, 'endpoints', 'endpoints']);
  expect(finds(names, 'old')).toBe('not-ours');
});

test('when nobody tells any more, what is known stays and what is not is doubted', () => {
  const names = new Names();
  names.hear(say(1, ['web']));
  names.hear({ say: 'current', isCurrent: true });
  names.hear({ say: 'whole-begins' });
  names.loseTeller();
  expect([finds(names, 'web'), finds(names, 'none')]).toEqual(['endpoints', 'perhaps-ours']);
  names.hear(say(2, ['next'], ['web']));
  expect([finds(names, 'next'), finds(names, 'web')]).toEqual(['endpoints', 'perhaps-ours']);
});

test('a teller that knows less than is known does not make it older', () => {
  const names = new Names();
  names.hear(say(7, ['web']));
  names.hear(say(6, ['own']));
  expect([names.revision, finds(names, 'web'), finds(names, 'own')]).toEqual([7, 'endpoints', 'endpoints']);
});

test('a network that is forgotten takes its names along', () => {
  const names = new Names();
  names.hear(say(1, ['web']));
  names.hear({ ...say(2, [], ['app']), networks: [] });
  expect(finds(names, 'web')).toBe('perhaps-ours');
  names.hear(say(3, ['db']));
  expect([finds(names, 'web'), finds(names, 'db')]).toEqual(['perhaps-ours', 'endpoints']);
});
