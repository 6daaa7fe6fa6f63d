import { beforeEach, describe, expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Endpoint } from '#model/records.ts';
import { heldBy, startTwoHosts, type TestAgent, type TestCluster } from './test-cluster.ts';

let cluster: TestCluster;
let h1: TestAgent;
let h2: TestAgent;

beforeEach(async () => {
  [cluster, h1, h2] = await startTwoHosts();
  cluster.controller.grant(createNetwork('app'));
  cluster.controller.grant(createNetwork('db', { mode: 'flood' }));
});

const attached = (agent: TestAgent, network: string, path: string) => cluster.attached(agent, network, path);

describe('eviction', () => {
  test('takes a lost host out of the others, and its blocks rest until they have applied that', async () => {
    const lost = await attached(h2, 'app', '/c2');
    await attached(h1, 'app', '/c1');
    h2.cut();
    cluster.controller.grant({ wish: 'evict-host', host: 'h2' });
    const blocks = () =>
      [...cluster.controller.state.snapshot.blocks.values()].filter(({ host }) => host === h2.state.host);
    expect(blocks().length).toBeGreaterThan(0);
    expect(blocks().every(({ retired }) => retired > 0)).toBe(true);
    cluster.controller.dispatch({ event: 'tick' });
    cluster.controller.acknowledgeAll();
    expect(blocks().length, 'nobody has applied it yet').toBeGreaterThan(0);
    await cluster.settle(1_000);
    expect(await h1.rowsFor(lost)).toBe(0);
    cluster.controller.dispatch({ event: 'tick' });
    cluster.controller.acknowledgeAll();
    expect(blocks()).toEqual([]);
  });

  test('what its host gave and had not told goes with the block, not when it is told at last', async () => {
    await attached(h2, 'app', '/c2');
    h2.holding = 'publish';
    const { id } = await attached(h2, 'app', '/c3');
    cluster.controller.grant({ wish: 'evict-host', host: 'h2' });
    await cluster.settle();
    expect(h2.state.revoked.has(id)).toBe(true);
    expect([h2.state.view.endpoints.has(id), h2.journal.has(id)]).toEqual([false, false]);
    expect(await h2.pendingOps()).toEqual([]);
  });

  describe.each(['attach', 'hold'] as const)('what was granted before it and is heard after it', (kind) => {
    test(`is refused to who asked to ${kind}`, async () => {
      await cluster.settle(1_000);
      h2.holding = `ask-${kind}`;
      const network = cluster.controller.state.snapshot.networkNamed('db')!;
      const ask = { network: network.id, subnet: network.subnets[0]!.cidr };
      const request =
        kind === 'attach'
          ? h2.attach('db', '/c2')
          : h2.ask((each) => ({ event: 'asked-hold', request: each, ask }));
      await cluster.settle();
      const asked = h2.held.find((effect) => effect.effect === 'ask-attach' || effect.effect === 'ask-hold')!;
      const endpoint = cluster.controller.grant(asked.wish, { role: 'host', name: 'h2' }) as Endpoint;
      const { revision } = cluster.controller.state.snapshot;
      cluster.controller.grant({ wish: 'evict-host', host: 'h2' });
      await cluster.settle();
      h2.dispatch({ event: `${kind}-granted`, request, grant: { endpoint, revision, notices: [] } });
      await cluster.settle();
      expect(h2.answers.get(request)).toMatchObject({ reason: 'unavailable' });
      expect(h2.state.view.endpoints.size + h2.state.holds.size).toBe(0);
      h2.letGo();
    });
  });

  test('what was set aside before it is not given to who comes for it, whatever was set aside since', async () => {
    const hold = async (network: string) => {
      const { id, subnets } = cluster.controller.state.snapshot.networkNamed(network)!;
      const ask = { network: id, subnet: subnets[0]!.cidr };
      const request = h2.ask((each) => ({ event: 'asked-hold', request: each, ask }));
      await cluster.settle(1_000);
      return { id, address: heldBy(h2, request) as Ip };
    };
    await cluster.settle(1_000);
    const { id, address } = await hold('app');
    cluster.controller.grant({ wish: 'evict-host', host: 'h2' });
    await cluster.settle();
    // As if more had been set aside, which it has not heard of yet.
    h2.state.heldRevision = cluster.controller.state.snapshot.revision + 1;
    const request = h2.attachThroughDoor(id, 'e1', { addresses: [address] });
    await cluster.settle(2_000);
    expect(h2.answers.get(request)).toMatchObject({ reason: 'conflict', faults: [{ value: address }] });
    expect(await h2.pendingOps()).toEqual([]);
  });

  test('a host that comes back finds its promises void, says so, and can attach anew', async () => {
    const lost = await attached(h2, 'app', '/c2');
    h2.cut();
    const alone = h2.attach('app', '/c3');
    await cluster.settle();
    expect(h2.answers.get(alone)).toMatchObject({ answer: 'attached' });
    cluster.controller.grant({ wish: 'evict-host', host: 'h2' });
    h2.heal();
    await cluster.settle(2_000);
    expect(h2.state.status?.notices.map(({ code }) => code)).toContain('endpoint-revoked');
    expect((await h2.objects()).filter(({ ns }) => ns.startsWith('weft-'))).toEqual([]);
    expect([...h2.journal.values()].filter(({ entry }) => entry === 'attachment')).toEqual([]);
    expect(cluster.controller.state.snapshot.endpoints.size).toBe(0);
    expect((await attached(h2, 'app', '/c2')).id).not.toBe(lost.id);
  });

  test.each([
    { how: 'its container is attached again', act: () => attached(h2, 'app', '/c2') },
    { how: 'its id is detached once more', act: async (id: Id) => h2.detach({ endpoint: id }) },
  ])('what was taken away is no longer said when $how', async ({ act }) => {
    const said = () => h2.state.status?.notices.map(({ code }) => code) ?? [];
    const { id } = await attached(h2, 'app', '/c2');
    await cluster.settle(1_000);
    cluster.controller.grant({ wish: 'evict-host', host: 'h2' });
    await cluster.settle(2_000);
    expect(said()).toContain('endpoint-revoked');
    await act(id);
    await cluster.settle(6_000);
    expect(said()).toEqual([]);
  });
});
