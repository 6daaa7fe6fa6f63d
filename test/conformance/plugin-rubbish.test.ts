import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { expect, test } from 'vitest';
import { until } from '../world/world.ts';
import { onEngines, refusalOf } from './on-engines.ts';

/** Where the agent should be, something else answers: the engine says whose fault it is, and does all the rest. */

const RUBBISH: Readonly<Record<string, () => Server | ReturnType<typeof createTcpServer>>> = {
  'no JSON': () => createServer((_, reply) => reply.end('<html>')),
  'of another kind': () => createServer((_, reply) => reply.end('{"InterfaceName": 7, "Err": ["x"]}')),
  'nothing at all': () => createServer((_, reply) => reply.end()),
  'an error without words': () => createServer((_, reply) => reply.writeHead(500).end()),
  'no HTTP': () => createTcpServer((socket) => void socket.on('error', () => {}).end('\0\x01\x02rubbish\n')),
};

onEngines(
  'A plugin that answers rubbish',
  (world, version) => {
    const engine = () => world().engine('h1');

    test('a container is in the network', async () => {
      await world().weft('h1', 'network', 'create', 'app', '--subnet', '10.90.0.0/24');
      await until('h1 has it', () => engine().docker('network', 'inspect', 'app'));
      await engine().run('before', '--network', 'app');
      await engine().stopEngine('SIGTERM');
      await world().agent('h1').stop();
    });

    // What is no HTTP an engine asks again for half a minute: seen on one of them.
    const kinds = Object.keys(RUBBISH).filter((kind) => kind !== 'no HTTP' || version === '26.1');
    test.each(kinds)('%s: the engine starts and is of use', async (kind) => {
      const socket = engine().machine.inside('/run/docker/plugins/weft.sock');
      rmSync(socket, { force: true });
      const server = RUBBISH[kind]!().listen(socket);
      try {
        await engine().startEngine();
        await engine().run('other');
        const said = await refusalOf(engine().run('bad', '--network', 'app'));
        expect(said).toMatch(/weft|plugin|driver/i);
        await engine().docker('rm', '-f', 'bad', 'other');
        expect(await engine().docker('network', 'ls')).toContain('app');
      } finally {
        await engine().stopEngine('SIGTERM');
        server.close();
        rmSync(socket, { force: true });
      }
    });

    test('with the agent back, all is as it was', async () => {
      world().agent('h1').start();
      await world().untilConnected('h1');
      await engine().startEngine();
      await engine().docker('start', 'before');
      await engine().run('after', '--network', 'app');
      expect(await engine().pings('after', 'before')).toBe(true);
      await until(
        'no more than they are known',
        async () => (await world().records()).endpoints.length === 2,
        90_000,
      );
    });
  },
  ['h1'],
);
