import { expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import { TestCluster } from './test-cluster.ts';

test('a published port that a program has is told of, whoever published it and whoever came first', async () => {
  const cluster = new TestCluster();
  const [h1, h2] = [cluster.agent('h1'), cluster.agent('h2')];
  await cluster.settle();
  cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'], gateway: 'anycast' }));
  await cluster.settle();
  await cluster.attached(h1, 'app', '/shop', 1_000);
  const told = () => (h1.state.status?.notices ?? []).map(({ sentence }) => sentence);

  h1.programs.set(8080, 'nginx (pid 7)');
  cluster.controller.grant({ wish: 'publish-port', endpoint: 'shop', mapping: '8080:80' });
  cluster.controller.grant({ wish: 'publish-port', endpoint: 'shop', mapping: '9090:90/udp' });
  await cluster.settle(1_000);
  expect(told()).toEqual([
    expect.stringContaining(
      'Port 8080/tcp of h1 is published for endpoint shop on host h1, and nginx (pid 7) has it',
    ),
  ]);
  expect(h2.state.status?.notices).toEqual([]);

  h1.programs.delete(8080);
  h1.programs.set(9090, 'ntpd (pid 8)');
  await cluster.settle(5_500);
  expect(told()).toEqual([expect.stringContaining('Port 9090/udp')]);

  cluster.controller.grant({ wish: 'unpublish-port', endpoint: 'shop', mapping: '9090:90/udp' });
  await cluster.settle(1_000);
  expect(told()).toEqual([]);
});

test('a port published at an address that the host does not have is told of, until it has it', async () => {
  const cluster = new TestCluster();
  const h1 = cluster.agent('h1');
  await cluster.settle();
  cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'], gateway: 'anycast' }));
  await cluster.settle();
  await cluster.attached(h1, 'app', '/shop', 1_000);
  const told = () => (h1.state.status?.notices ?? []).map(({ code, sentence }) => [code, sentence]);

  h1.strange.add('192.0.2.77');
  cluster.controller.grant({ wish: 'publish-port', endpoint: 'shop', mapping: '192.0.2.77:8080:80' });
  cluster.controller.grant({ wish: 'publish-port', endpoint: 'shop', mapping: '192.0.2.78:8080:80' });
  await cluster.settle(1_000);
  expect(told()).toEqual([
    [
      'published-address-missing',
      '192.0.2.77:8080:80/tcp is published for endpoint shop on host h1, and that host does not have 192.0.2.77: nobody reaches the endpoint there.',
    ],
  ]);

  h1.strange.clear();
  await cluster.settle(5_500);
  expect(told()).toEqual([]);
});
