import { expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import type { Ip } from '#model/ip.ts';
import type { Network } from '#model/records.ts';
import type { DoorHandle } from './event.ts';
import { attachedBy, startTwoHosts, type TestAgent } from './test-cluster.ts';

const doorOf = (handle: string): DoorHandle => ({ runtime: 'docker', handle });

test('what the controller alone can give may be had again with the controller away', async () => {
  const [cluster, h1, h2] = await startTwoHosts();
  const app = cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'] })) as Network;
  await cluster.settle();
  const attach = async (agent: TestAgent, handle: string, address: string, mac?: string) => {
    const request = agent.attachThroughDoor(app.id, handle, { addresses: [address as Ip], mac });
    await cluster.settle(1_000);
    return request;
  };
  const records = () => [...cluster.controller.state.snapshot.endpoints.values()];
  const fixed = attachedBy(h1, await attach(h1, 'e1', '10.1.0.200', '02:00:00:00:00:77'));
  const other = attachedBy(h2, await attach(h2, 'o1', '10.1.0.100'));
  await cluster.settle(1_000);
  h1.cut();
  h1.detach({ door: doorOf('e1') });
  await cluster.settle();
  const again = attachedBy(h1, await attach(h1, 'e2', '10.1.0.200', '02:00:00:00:00:77'));
  expect(again).toMatchObject({
    ...{ id: fixed.id, containerId: 'e2' },
    ...{ addresses: ['10.1.0.200'], mac: '02:00:00:00:00:77' },
  });
  // That one is nobody's, as far as this host can tell.
  expect(h1.answers.get(await attach(h1, 'e3', '10.1.0.201'))).toMatchObject({ reason: 'unavailable' });
  h1.heal();
  await cluster.settle(3_000);
  expect(records()).toHaveLength(2);
  expect(records().find(({ id }) => id === fixed.id)).toMatchObject({ containerId: 'e2' });
  expect(await h1.pendingOps()).toEqual([]);
  h1.detach({ door: doorOf('e2') });
  await cluster.settle(2_000);
  expect(records()).toMatchObject([{ id: other.id }]);
});

test('what the controller may have taken note of is not had again without it', async () => {
  const [cluster, h1, h2] = await startTwoHosts();
  const app = cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'] })) as Network;
  await cluster.settle();
  const addresses = ['10.1.0.200' as Ip];
  h1.attachThroughDoor(app.id, 'e1', { addresses });
  h2.attachThroughDoor(app.id, 'o1', { addresses: ['10.1.0.100' as Ip] });
  await cluster.settle(2_000);
  h1.detach({ door: doorOf('e1') });
  await cluster.settle(2_000);
  h1.cut();
  const moved = h2.attachThroughDoor(app.id, 'e2', { addresses });
  const request = h1.attachThroughDoor(app.id, 'e3', { addresses });
  await cluster.settle(1_000);
  expect(attachedBy(h2, moved).addresses).toEqual(addresses);
  expect(h1.answers.get(request)).toMatchObject({ reason: 'unavailable' });
});
