import { beforeEach, describe, expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import { portName } from '#model/own.ts';
import type { Endpoint } from '#model/records.ts';
import { startTwoHosts, type TestAgent, type TestCluster } from './test-cluster.ts';

let cluster: TestCluster;
let h1: TestAgent;
let h2: TestAgent;

beforeEach(async () => {
  [cluster, h1, h2] = await startTwoHosts();
  cluster.controller.grant(createNetwork('app'));
  cluster.controller.grant(createNetwork('db', { mode: 'flood' }));
  cluster.controller.grant(createNetwork('tight', { subnets: ['10.9.0.0/28'] }));
});

const attached = (agent: TestAgent, network: string, path: string) => cluster.attached(agent, network, path);

describe('detach', () => {
  test('takes the endpoint out of every kernel, and the network with the last one', async () => {
    const endpoint = await attached(h1, 'app', '/c1');
    await attached(h2, 'app', '/c2');
    const request = h1.detach({ endpoint: 'c1' });
    await cluster.settle();
    expect(h1.answers.get(request)).toMatchObject({
      answer: 'detached',
      endpoints: [{ id: endpoint.id }],
      notices: [],
    });
    await cluster.settle(500);
    expect(await h2.rowsFor(endpoint)).toBe(0);
    expect((await h1.objects()).filter(({ kind }) => kind === 'namespace')).toEqual([]);
    expect(h1.journal.has(endpoint.id)).toBe(false);
  });

  test.each([
    [{ endpoint: 'c2' }, { problem: 'is on host h2', fix: 'detach it there' }],
    [{ endpoint: 'c1', network: 'db' }, { problem: 'is not in network db' }],
    [{ endpoint: 'c9' }, { problem: 'is not on this host' }],
  ])('of %j, which is not here, says where it is', async (ask, fault) => {
    await attached(h1, 'app', '/c1');
    await attached(h2, 'app', '/c2');
    await cluster.settle(500);
    const request = h1.detach(ask);
    await cluster.settle();
    expect(h1.answers.get(request)).toMatchObject({ reason: 'absent', faults: [fault] });
  });

  test('is answered before the ports are deleted, all that have gathered at once; until then the journal knows', async () => {
    const [first, ...others] = [
      await attached(h1, 'app', '/c1'),
      await attached(h1, 'app', '/c2'),
      await attached(h1, 'app', '/c3'),
    ] as [Endpoint, ...Endpoint[]];
    h1.holding = 'unplug';
    const request = h1.detach({ endpoint: first.id });
    for (const { id } of others) h1.detach({ endpoint: id });
    await cluster.settle();
    expect(h1.answers.get(request)).toMatchObject({ answer: 'detached', notices: [] });
    expect(h1.journal.get(first.id)).toMatchObject({ state: 'detaching' });
    expect(h1.held).toMatchObject([{ endpoints: [first.id] }]);
    h1.letGo();
    const { ops } = h1;
    ops.length = 0;
    await cluster.settle();
    const deleted = ops.flatMap(({ verb, object }) =>
      verb === 'delete' && object.kind === 'link' ? object.name : [],
    );
    expect(deleted.slice(0, 3)).toEqual([first, ...others].map(({ id }) => portName(id)));
    await cluster.settle(500);
    for (const { id } of [first, ...others]) expect(h1.journal.has(id)).toBe(false);
  });

  test('that was answered by a process that died before it deleted the port is carried on', async () => {
    const endpoint = await attached(h1, 'app', '/c1');
    await attached(h1, 'app', '/c2');
    h1.holding = 'unplug';
    h1.detach({ endpoint: endpoint.id });
    await cluster.settle();
    h1.connected = false;
    h1.restart();
    await cluster.settle();
    const links = (await h1.objects()).flatMap((object) => (object.kind === 'link' ? object.name : []));
    expect(links).not.toContain(portName(endpoint.id));
  });

  test('is told once more when a publication of before arrives late, at any time', async () => {
    const endpoint = await attached(h1, 'app', '/c1');
    h1.holding = 'unplug';
    h1.detach({ endpoint: endpoint.id });
    await cluster.settle();
    const { controller } = cluster;
    const publish = { wish: 'publish-endpoint', endpoint } as const;
    const sameAgain = () => controller.ask(publish, { role: 'host', name: 'h1' });
    for (const isUnplugged of [false, true]) {
      if (isUnplugged) h1.letGo();
      await cluster.settle();
      sameAgain();
      expect(controller.state.snapshot.endpoints.has(endpoint.id)).toBe(true);
      await cluster.settle(1_000);
      expect(controller.state.snapshot.endpoints.has(endpoint.id)).toBe(false);
    }
  });

  test('holds in the view, too, while the endpoint is written down once more', async () => {
    await attached(h1, 'app', '/c1');
    h1.cut();
    const endpoint = await attached(h1, 'app', '/c2');
    h1.holding = 'journal-put';
    h1.attach('app', '/c2');
    h1.detach({ endpoint: endpoint.id });
    h1.heal();
    await cluster.settle(1_000);
    expect(h1.state.confirmed).toBe(true);
    expect(h1.state.view.endpoints.has(endpoint.id)).toBe(false);
  });

  test('lets the addresses rest: the controller gives from a new block meanwhile', async () => {
    const given: Endpoint[] = [];
    for (let i = 0; i < 3; i++) {
      given.push(await attached(h1, 'tight', `/c${i}`));
      h1.detach({ namespacePath: `/c${i}` });
      await cluster.settle();
    }
    expect(new Set(given.map(({ addresses }) => addresses[0])).size).toBe(3);
  });

  test('of a namespace can be narrowed to a network', async () => {
    await attached(h1, 'app', '/c1');
    const db = h1.attach('db', '/c1', { interface: 'eth1' });
    await cluster.settle();
    expect(h1.answers.get(db)).toMatchObject({ answer: 'attached' });
    h1.detach({ namespacePath: '/c1', network: 'db' });
    await cluster.settle();
    expect(h1.networks()).toEqual(['app']);
  });

  test('of an unknown id is success, of an unknown name an error', async () => {
    const [known, unknown] = [
      h1.detach({ endpoint: '01JD0000000000000000000000' }),
      h1.detach({ endpoint: 'nobody' }),
    ];
    await cluster.settle();
    expect(h1.answers.get(known)).toMatchObject({ answer: 'detached', endpoints: [] });
    expect(h1.answers.get(unknown)).toMatchObject({ reason: 'absent' });
  });

  test('with the controller away is done here and remembered, also over a restart', async () => {
    const endpoint = await attached(h1, 'app', '/c1');
    h1.cut();
    const request = h1.detach({ endpoint: endpoint.id });
    await cluster.settle();
    expect(h1.answers.get(request)).toMatchObject({
      answer: 'detached',
      notices: [{ code: 'detach-untold' }],
    });
    const port = portName(endpoint.id);
    expect((await h1.objects()).filter((object) => object.kind === 'link' && object.name === port)).toEqual(
      [],
    );
    h1.restart();
    await cluster.settle();
    expect(cluster.controller.state.snapshot.endpoints.has(endpoint.id)).toBe(true);
    h1.heal();
    await cluster.settle();
    expect(cluster.controller.state.snapshot.endpoints.has(endpoint.id)).toBe(false);
    expect(h1.journal.has(endpoint.id)).toBe(false);
  });
});
