import { expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import { attachedBy, TestCluster } from './test-cluster.ts';

test('a runtime waits for the journal only, whatever the controller says while that is written', async () => {
  const cluster = new TestCluster();
  const h1 = cluster.agent('h1');
  await cluster.settle();
  cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'] }));
  await cluster.settle();
  await cluster.attached(h1, 'app', '/c1', 1_000);

  h1.holding = 'publish';
  const attach = h1.attachThroughDoor('app', 'e1');
  await cluster.settle(1_000);
  const { id } = attachedBy(h1, attach);
  expect(h1.held).toMatchObject([{ effect: 'publish', endpoint: { id } }]);

  h1.letGo();
  h1.holding = 'journal-put';
  const door = { runtime: 'docker', handle: 'e1' } as const;
  const sandboxPath = '/run/docker/netns/s1';
  const moving = h1.ask((request) => ({ event: 'moving', request, door, sandboxPath }));
  await cluster.settle();
  expect(h1.state.attachments.get(id)).toMatchObject({ published: true });
  expect(h1.answers.get(moving)).toBeUndefined();

  h1.letGo();
  await cluster.settle();
  expect(h1.answers.get(moving)).toEqual({ answer: 'noted' });
  expect(h1.journal.get(id)).toMatchObject({ published: true, sandboxPath });
});
