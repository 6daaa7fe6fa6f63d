import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import { createId } from '#model/id.ts';
import type { Mac } from '#model/mac.ts';
import { put, type StoredRecord } from '#model/records.ts';
import { startTwoHosts, type TestAgent, type TestCluster } from './test-cluster.ts';

const lifeFrom = (from: number) => ({ id: createId(0, (count) => randomBytes(count)), from });

/** They hear of the store's lives when they come back. */
function comeBack(...agents: readonly TestAgent[]): void {
  for (const agent of agents) agent.cut();
  for (const agent of agents) agent.heal();
}

/** The controller's store as it was once, brought back while the agents run on. */
function restore(
  { controller }: TestCluster,
  agents: readonly TestAgent[],
  records: readonly StoredRecord[],
  revision: number,
): void {
  for (const agent of agents) agent.cut();
  const { snapshot, statuses } = controller.state;
  snapshot.clear();
  snapshot.apply(records.map(put), revision);
  snapshot.lives = [...snapshot.lives, lifeFrom(revision)];
  statuses.clear();
  for (const agent of agents) agent.heal();
}

test('what was attached after the backup is told again', async () => {
  const [cluster, h1, h2] = await startTwoHosts();
  const { snapshot } = cluster.controller.state;
  cluster.controller.grant(createNetwork('app'));
  await cluster.attached(h1, 'app', '/c1');
  await cluster.attached(h2, 'app', '/c2');
  await cluster.settle(1_000);
  const backup = [[...snapshot.records()], snapshot.revision] as const;
  const { id } = await cluster.attached(h1, 'app', '/c3', 1_000);
  const endpoint = snapshot.endpoints.get(id)!;
  restore(cluster, [h1, h2], ...backup);
  await cluster.settle(6_000);
  expect(snapshot.endpoints.get(id)).toEqual(endpoint);
  expect(await h2.rowsFor(endpoint)).toBeGreaterThan(0);
  // Others change things until the revision is there again at which it was told first.
  for (let i = 0; i < 10; i++) cluster.controller.grant(createNetwork(`n${i}`));
  await cluster.settle(1_000);
  expect(h1.journal.has(id)).toBe(true);
});

test('who comes late, when others have changed things since, tells again all the same what the backup lacks', async () => {
  const [cluster, h1, h2] = await startTwoHosts();
  const { snapshot } = cluster.controller.state;
  cluster.controller.grant(createNetwork('app'));
  await cluster.attached(h1, 'app', '/c1');
  await cluster.attached(h2, 'app', '/c2', 1_000);
  snapshot.lives = [lifeFrom(0)];
  comeBack(h1, h2);
  const backup = [[...snapshot.records()], snapshot.revision] as const;
  const { id } = await cluster.attached(h2, 'app', '/c3', 1_000);
  const told = snapshot.revision;
  restore(cluster, [h1, h2], ...backup);
  h2.cut();
  await cluster.attached(h1, 'app', '/c4', 1_000);
  for (let i = 0; snapshot.revision < told + 5; i++) cluster.controller.grant(createNetwork(`n${i}`));
  h2.heal();
  await cluster.settle(6_000);
  expect([snapshot.endpoints.has(id), h2.journal.has(id)]).toEqual([true, true]);
  expect(await h2.pendingOps()).toEqual([]);
});

test('what a host is given before it has heard of the backup is none of what its containers have', async () => {
  const [cluster, h1] = await startTwoHosts();
  const { snapshot } = cluster.controller.state;
  cluster.controller.grant(createNetwork('app'));
  snapshot.lives = [lifeFrom(0)];
  comeBack(h1);
  await cluster.attached(h1, 'app', '/c1', 1_000);
  const backup = [[...snapshot.records()], snapshot.revision] as const;
  const { id } = await cluster.attached(h1, 'app', '/c2', 1_000);
  snapshot.clear();
  snapshot.apply(backup[0].map(put), backup[1]);
  snapshot.lives = [...snapshot.lives, lifeFrom(backup[1])];
  // A MAC is the controller's to give.
  const words = { mac: '02:00:00:00:00:99' as Mac };
  const request = h1.attach('app', '/c3', words);
  await cluster.settle(100);
  expect(h1.answers.get(request)).toMatchObject({
    faults: [{ problem: 'was given what c2 has, of which the controller does not know yet' }],
  });
  comeBack(h1);
  await cluster.settle(6_000);
  expect([...snapshot.endpoints.values()].map(({ name }) => name).sort()).toEqual(['c1', 'c2']);
  expect(h1.journal.has(id)).toBe(true);
  const again = h1.attach('app', '/c3', words);
  await cluster.settle(100);
  expect(h1.answers.get(again)).toMatchObject({ answer: 'attached', endpoint: words });
});

test('a controller that was only started anew takes away what is gone from its store', async () => {
  const [cluster, h1, h2] = await startTwoHosts();
  const { snapshot } = cluster.controller.state;
  cluster.controller.grant(createNetwork('app'));
  await cluster.attached(h1, 'app', '/c1');
  snapshot.lives = [lifeFrom(0)];
  comeBack(h1, h2);
  const { id, generation } = await cluster.attached(h1, 'app', '/c2', 1_000);
  h1.cut();
  cluster.controller.ask({ wish: 'detach-endpoint', endpoint: id, generation });
  snapshot.lives = [...snapshot.lives, lifeFrom(snapshot.revision)];
  h1.heal();
  await cluster.settle(6_000);
  expect([snapshot.endpoints.has(id), h1.journal.has(id)]).toEqual([false, false]);
});

test('a store that was begun anew by mistake takes nothing from whom the right one knows, and that is said', async () => {
  const [cluster, h1] = await startTwoHosts();
  const notices = () => h1.state.status?.notices.map(({ code, sentence }) => `${code}: ${sentence}`);
  const { snapshot } = cluster.controller.state;
  cluster.controller.grant(createNetwork('app'));
  const { id } = await cluster.attached(h1, 'app', '/c1', 1_000);
  const whole = [[...snapshot.records()], snapshot.revision] as const;
  restore(cluster, [h1], [], 0);
  await cluster.settle(6_000);
  expect(notices()).toEqual([
    expect.stringMatching(/^endpoints-unknown: .* has no c1; its container is off/),
  ]);
  restore(cluster, [h1], ...whole);
  await cluster.settle(6_000);
  expect(notices()).toEqual([]);
  expect([snapshot.endpoints.has(id), h1.journal.has(id)]).toEqual([true, true]);
  expect(await h1.pendingOps()).toEqual([]);
});

test('how far a host had come before counts no more', async () => {
  const [cluster, h1] = await startTwoHosts();
  const { snapshot, statuses } = cluster.controller.state;
  cluster.controller.grant(createNetwork('app'));
  await cluster.attached(h1, 'app', '/c1');
  await cluster.settle(1_000);
  const backup = [[...snapshot.records()], snapshot.revision] as const;
  for (let i = 0; i < 10; i++) cluster.controller.grant(createNetwork(`n${i}`));
  await cluster.settle(6_000);
  expect(statuses.get(h1.state.host)!.appliedRevision).toBe(snapshot.revision);
  restore(cluster, [h1], ...backup);
  await cluster.settle(6_000);
  const { appliedRevision, settledRevision } = statuses.get(h1.state.host)!;
  expect([appliedRevision, settledRevision]).toEqual([snapshot.revision, snapshot.revision]);
});
