import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '#lab/until.ts';
import { type Asker, Names } from '../world/names.ts';
import { buildIfStale } from './lab-cli.ts';

/** Containers on two hosts find each other by name, asked for by glibc and by c-ares, as programs do. */

let names: Names;
let fromWeb: Asker;
let fromDb: Asker;
beforeAll(async () => {
  await buildIfStale();
  names = new Names();
  await names.start();
  await names.attach('h1', 'web', { aliases: ['www', 'front'] });
  await names.attach('h2', 'db');
  await names.attach('h2', 'lone', { network: 'side' });
  fromWeb = await names.asker('web');
  fromDb = await names.asker('db');
  await names.untilFound(fromWeb, 'db');
  await names.untilFound(fromDb, 'web').catch(async (e) => {
    console.log(
      names.listenersIn('db'),
      names.nft('db', 'list ruleset'),
      await fromDb.ask('A', 'web'),
      await fromDb.ask('A', 'db'),
      await fromDb.ask('A', 'web.app.weft.internal'),
      names.world.logs(),
    );
    throw e;
  });
});
afterAll(() => names?.remove());

describe('from every container of its network, on any host, a container is found', () => {
  test.each(['web', 'WWW', 'front', 'web.app', 'web.app.weft.internal'])('as %s', async (name) => {
    for (const from of ['web', 'db']) {
      expect(await names.getent(from, 'ahostsv4', name)).toEqual(names.addressesOf('web', 4));
      expect(await names.getent(from, 'ahostsv6', name)).toEqual(names.addressesOf('web', 6));
    }
    expect(await fromDb.ask('A', name)).toEqual(names.addressesOf('web', 4));
  });

  test('by its addresses', async () => {
    const [ip] = names.addressesOf('db', 4);
    const reverse = `${ip!.split('.').reverse().join('.')}.in-addr.arpa`;
    expect(await fromWeb.ask('PTR', reverse)).toEqual(['db.app.weft.internal']);
    expect(await names.getent('web', 'hosts', names.addressesOf('db', 6)[0]!)).not.toEqual([]);
  });

  test('and not from those of another', async () => {
    const fromLone = await names.asker('lone');
    await names.untilFound(fromLone, 'lone');
    expect(await fromLone.ask('A', 'web.app.weft.internal')).toBe('ENOTFOUND');
    expect(await fromLone.ask('A', 'web')).not.toEqual(names.addressesOf('web', 4));
    expect(await fromWeb.ask('A', 'lone.side.weft.internal')).toBe('ENOTFOUND');
  });

  test('from one in two networks those of both', async () => {
    await names.attach('h1', 'both');
    await names.attach('h1', 'both', { network: 'side' });
    const fromBoth = await names.asker('both');
    await names.untilFound(fromBoth, 'lone');
    expect(await fromBoth.ask('A', 'web')).toEqual(names.addressesOf('web', 4));
  });
});

describe('a name', () => {
  test('is gone within a second of its endpoint, and the sockets with the container', async () => {
    await names.attach('h2', 'brief');
    await names.untilFound(fromWeb, 'brief.app.weft.internal');
    await until('the container is served', async () => names.listenersIn('brief').length === 2);
    await names.detach('h2', 'brief');
    const goneAt = performance.now();
    const isGone = async () => (await fromWeb.ask('A', 'brief.app.weft.internal')) === 'ENOTFOUND';
    await until('the name is gone', isGone, 1_000, 5);
    expect(performance.now() - goneAt).toBeLessThan(1_000);
    await until('no socket is left', async () => names.listenersIn('brief').length === 0);
    expect(names.nft('brief', 'list ruleset')).toBe('');
  });

  test('that a runtime’s resolver knows is still found, by UDP and by TCP; its errors too', async () => {
    const standIn = await names.standIn('web');
    expect(await names.getent('web', 'ahostsv4', 'outside.test')).toEqual(['192.0.2.1']);
    expect(await fromWeb.ask('A', 'outside.test')).toEqual(['192.0.2.1']);
    expect(await fromWeb.ask('A', 'big.test')).toHaveLength(100);
    expect(await fromWeb.ask('A', 'nowhere.test')).toBe('ENOTFOUND');
    expect(await fromWeb.ask('A', 'db')).toEqual(names.addressesOf('db', 4));
    expect(standIn.asked).toMatchObject({
      'outside.test': expect.any(Number),
      'big.test': expect.any(Number),
    });
    expect(standIn.asked).not.toHaveProperty('db');
    standIn.stop();
    expect(await fromWeb.ask('A', 'outside.test')).not.toBe('ENOTFOUND');
    expect(await fromWeb.ask('A', 'db')).toEqual(names.addressesOf('db', 4));
  });
});

describe('the rule that leads questions to the resolver', () => {
  test.each(['flush ruleset', 'delete table ip weft', 'flush chain ip weft names'])(
    'comes back within a second of: nft %s',
    async (command) => {
      names.nft('db', command);
      const isBack = async () => /names, udp/.test(names.nft('db', 'list ruleset'));
      await until('the rule is back', isBack, 1_000, 5);
      expect(await fromDb.ask('A', 'web')).toEqual(names.addressesOf('web', 4));
    },
  );
});

describe('hostile containers', () => {
  test('end nothing, and keep nobody else from an answer', async () => {
    const pid = names.resolverOf('h1');
    const flood = await names.flood('web');
    await sleep(500);
    const fromBoth = await names.asker('both');
    const took: number[] = [];
    for (let i = 0; i < 50; i++) {
      const since = performance.now();
      expect(await fromBoth.ask('A', 'web')).toEqual(names.addressesOf('web', 4));
      took.push(performance.now() - since);
    }
    flood.stop();
    expect(took.sort((a, b) => a - b)[25]).toBeLessThan(100);
    expect(names.resolverOf('h1')).toBe(pid);
    await names.untilFound(fromWeb, 'db');
  });
});
