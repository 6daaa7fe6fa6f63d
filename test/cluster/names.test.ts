import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Names } from '../world/names.ts';
import { buildIfStale } from './lab-cli.ts';

/** Containers on two hosts find each other by name, asked for by glibc and by c-ares, as programs do. */

let names: Names;
beforeAll(async () => {
  await buildIfStale();
  names = new Names();
  await names.start();
  await names.attach('h1', 'web', { aliases: ['www', 'front'] });
  await names.attach('h2', 'db');
  await names.attach('h2', 'lone', { network: 'side' });
});
afterAll(() => names?.remove());

describe('from every other container of its networks, on any host, a container is found', () => {
  test.each(['web', 'WWW', 'front', 'web.app', 'web.app.weft.internal'])('as %s', async (name) => {
    for (const from of ['web', 'db']) {
      expect(await names.getent(from, 'ahostsv4', name)).toEqual(names.addressesOf('web', 4));
      expect(await names.getent(from, 'ahostsv6', name)).toEqual(names.addressesOf('web', 6));
    }
  });
});
