import { expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import { hostEndName } from '#model/own.ts';
import type { Network } from '#model/records.ts';
import { sandboxesOf } from './names.ts';
import { attachedBy, startTwoHosts } from './test-cluster.ts';

const PATH = '/var/run/docker/netns/c1';

test('a running container that joins a second network keeps the names of its first', async () => {
  const [cluster, h1] = await startTwoHosts();
  const [app, db] = ['app', 'db'].map((name) => cluster.controller.grant(createNetwork(name)) as Network);
  await cluster.settle();
  const join = async (network: Network, handle: string) => {
    const request = h1.attachThroughDoor(network.id, handle);
    await cluster.settle(1_000);
    const door = { runtime: 'docker', handle } as const;
    h1.ask((each) => ({ event: 'moving', request: each, door, sandboxPath: PATH }));
    await cluster.settle(20);
    return attachedBy(h1, request);
  };
  const { id } = await join(app!, 'e1');
  h1.namespaces.set(PATH, h1.kernel.createContainerNamespace(PATH));
  h1.kernel.moveLink({ ns: '', name: hostEndName(id) }, { ns: PATH, name: 'eth0' }, true);
  await cluster.settle(6_000);
  const cookie = sandboxesOf(h1.state)[0]?.cookie;
  expect(cookie).toBeDefined();
  await join(db!, 'e2');
  expect(sandboxesOf(h1.state)).toEqual([{ path: PATH, cookie, networks: [app!.id, db!.id] }]);
});
