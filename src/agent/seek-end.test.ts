import { expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import { HOST_NAMESPACE } from '#model/kernel-state.ts';
import { hostEndName } from '#model/own.ts';
import { parseJournalEntry } from './attachment.ts';
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

test('whatever an interface is called in its container, the journal can be read', async () => {
  const cluster = new TestCluster();
  const h1 = cluster.agent('h1');
  await cluster.settle();
  cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'] }));
  const attach = h1.attachThroughDoor('app', 'e1');
  await cluster.settle(1_000);
  const { id } = attachedBy(h1, attach);
  const door = { runtime: 'docker', handle: 'e1' } as const;
  const sandboxPath = '/run/docker/netns/s1';
  h1.kernel.createContainerNamespace(sandboxPath);
  h1.ask((request) => ({ event: 'moving', request, door, sandboxPath }));
  const move = (name: string, to: string) => {
    const from = name === hostEndName(id) ? HOST_NAMESPACE : sandboxPath;
    h1.kernel.moveLink({ ns: from, name }, { ns: sandboxPath, name: to }, true);
  };
  move(hostEndName(id), 'lan+0');
  await cluster.settle(30_000);
  expect(parseJournalEntry(h1.journal.get(id))).toMatchObject({ sandboxPath });
  expect(h1.ops.filter(({ verb }) => verb === 'delete')).toEqual([]);
  move('lan+0', 'lan0');
  await cluster.settle(10_000);
  expect(h1.journal.get(id)).toMatchObject({ endpoint: { interface: 'lan0' } });
});
