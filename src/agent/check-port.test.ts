import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { PublishPortRequestSchema } from '#api/gen/weft/v1/controller_pb.ts';
import { createNetwork } from '#intent/test-world.ts';
import { checkPort } from './check-port.ts';
import type { Engine } from './engine.ts';
import { TestCluster } from './test-cluster.ts';

async function check(mapping: string, holder?: string) {
  const cluster = new TestCluster();
  const h1 = cluster.agent('h1');
  await cluster.settle();
  cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'], gateway: 'anycast' }));
  await cluster.settle();
  await cluster.attached(h1, 'app', '/shop', 1_000);
  const parts = {
    engine: { state: h1.state } as Engine,
    portHolders: async () => [holder],
    isLocalAddress: (ip: string) => ip === '192.0.2.1',
  };
  const notices = await checkPort(parts, create(PublishPortRequestSchema, { endpoint: 'shop', mapping }));
  return notices.map(({ code, next }) => [code, next]);
}

test('who publishes at an address that the host does not have is told at once', async () => {
  expect(await check('8080:80')).toEqual([]);
  expect(await check('192.0.2.1:8080:80')).toEqual([]);
  expect(await check('192.0.2.77:8080:80')).toEqual([
    [
      'published-address-missing',
      'give the host that address; or `weft unpublish shop 192.0.2.77:8080:80/tcp` and publish it at another one, or at all: 8080:80/tcp',
    ],
  ]);
});

test('a port that a program has is refused', async () => {
  await expect(check('8080:80', 'nginx (pid 7)')).rejects.toThrow(/8080\/tcp/);
});
