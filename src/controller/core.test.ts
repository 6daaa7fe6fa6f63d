import { describe, expect, test } from 'vitest';
import { attachEndpoint, createNetwork, registerHost } from '#intent/test-world.ts';
import { isRejection } from '#model/fault.ts';
import type { Endpoint, Network } from '#model/records.ts';
import { seededRandom } from '#model/test-random.ts';
import { beginFollow } from './follow.ts';
import { sorted, TestController } from './test-controller.ts';

const host = (name: string) => ({ role: 'host', name }) as const;

/** Three registered hosts, two networks. */
function threeHosts(seed?: number): TestController {
  const controller = new TestController(seed);
  for (const name of ['h1', 'h2', 'h3']) controller.grant(registerHost(name), host(name));
  for (const name of ['app', 'db']) controller.grant(createNetwork(name));
  return controller;
}

const detach = ({ id, generation }: Endpoint) =>
  ({ wish: 'detach-endpoint', endpoint: id, generation }) as const;

describe('wishes', () => {
  test('are admitted one commit at a time, each against what was committed before it', () => {
    const controller = threeHosts();
    const first = controller.petition(createNetwork('web'));
    const second = controller.petition(createNetwork('web'));
    expect(controller.commits).toHaveLength(1);
    controller.acknowledgeAll();
    expect(isRejection(controller.answers.get(first))).toBe(false);
    expect(controller.answers.get(second)).toMatchObject({
      outcome: 'rejected',
      faults: [{ field: 'name' }],
    });
  });

  test('are answered only after the commit is acknowledged', () => {
    const controller = threeHosts();
    const request = controller.petition(createNetwork('web'));
    expect(controller.answers.has(request)).toBe(false);
    expect(controller.state.snapshot.networkNamed('web')).toBeUndefined();
    controller.acknowledgeAll();
    expect(controller.state.snapshot.networkNamed('web')).toBeDefined();
  });

  test('that lose the race are admitted anew against what the winner wrote', () => {
    const controller = threeHosts();
    const { revision } = controller.state.snapshot;
    const request = controller.petition(createNetwork('web'));
    const rival = controller.commits.shift()!;
    controller.dispatch({ event: 'commit-ended', outcome: { outcome: 'conflict', head: revision + 1 } });
    expect(controller.commits).toHaveLength(0);
    controller.dispatch({
      event: 'fed',
      feed: { feed: 'batch', batch: { revision: revision + 1, changes: rival.changes } },
    });
    controller.acknowledgeAll();
    expect(controller.answers.get(request)).toMatchObject({
      outcome: 'rejected',
      faults: [{ field: 'name' }],
    });
  });

  test('are refused when the store cannot write, and the next one is tried', () => {
    const controller = threeHosts();
    const request = controller.petition(createNetwork('web'));
    controller.commits.shift();
    const rejection = {
      outcome: 'rejected' as const,
      reason: 'unavailable' as const,
      faults: [{ field: 'store', value: 'full', problem: 'disk full', fix: 'make room' }],
    };
    controller.dispatch({ event: 'commit-failed', rejection });
    expect(controller.answers.get(request)).toBe(rejection);
    expect(isRejection(controller.ask(createNetwork('web')))).toBe(false);
  });

  test('of a host about another host are forbidden', () => {
    const controller = threeHosts();
    const endpoint = controller.grant(attachEndpoint('app', 'h1', 'c1'), host('h1')) as Endpoint;
    for (const wish of [
      attachEndpoint('app', 'h1', 'c2'),
      detach(endpoint),
      registerHost('h1'),
      { wish: 'remove-host', host: 'h1' } as const,
      { wish: 'remove-host', host: endpoint.host } as const,
    ])
      expect(controller.ask(wish, host('h2')), wish.wish).toMatchObject({ reason: 'forbidden' });
    expect(isRejection(controller.ask(detach(endpoint), host('h1')))).toBe(false);
  });
});

test('a host that comes back under another name is told the one that it is registered as', () => {
  const controller = threeHosts();
  const { id } = controller.state.snapshot.hostNamed('h3')!;
  for (const name of ['h9', 'h1'])
    expect(controller.ask({ ...registerHost(name), id }, host(name))).toMatchObject({
      reason: 'forbidden',
      faults: [
        { field: 'name', value: name, fix: expect.stringMatching(/^start its agent with --name h3;/) },
      ],
    });
});

describe('what only operators may', () => {
  const forbidden = { outcome: 'rejected', reason: 'forbidden' };

  test('a host repairs no addresses, frees no block, and returns no blocks but its own', () => {
    const controller = threeHosts();
    const endpoint = controller.grant(attachEndpoint('app', 'h1', 'c1')) as Endpoint;
    controller.grant(detach(endpoint));
    const [block] = [...controller.state.snapshot.blocks.values()];
    expect(controller.ask({ wish: 'repair-addresses' }, host('h1'))).toMatchObject(forbidden);
    expect(controller.ask({ wish: 'free-block', block: block!.id }, host('h1'))).toMatchObject(forbidden);
    const back = { wish: 'return-blocks', network: endpoint.network, host: 'h1' } as const;
    expect(controller.ask(back, host('h2'))).toMatchObject(forbidden);
    expect(controller.ask(back, host('h1'))).toMatchObject({ outcome: 'admitted' });
    expect(controller.ask({ wish: 'repair-addresses' })).toMatchObject({ outcome: 'admitted' });
  });
});

describe('an address that has to be asked for', () => {
  /** A /28 whose four blocks are owned by h1, h2, h3 and h4; of these only those that follow can be asked. */
  function fullOfBlocks(...following: string[]): TestController {
    const controller = threeHosts();
    for (const name of ['h4', 'h5']) controller.grant(registerHost(name), host(name));
    controller.grant(createNetwork('tiny', { subnets: ['10.1.0.0/28'] }));
    for (const name of ['h1', 'h2', 'h3', 'h4']) controller.grant(attachEndpoint('tiny', name, 'c'));
    for (const [session, name] of following.entries()) controller.follow(session, name);
    return controller;
  }

  test('is chosen where somebody can be', () => {
    const controller = fullOfBlocks('h1', 'h2', 'h5');
    controller.petition(attachEndpoint('tiny', 'h5', 'c'));
    expect(controller.commits[0]?.changes).toMatchObject([
      { record: { kind: 'block', cidr: '10.1.0.4/30', except: ['10.1.0.7'] } },
    ]);
  });

  test('is refused when nobody can be, and free ones are left', () => {
    const controller = fullOfBlocks('h5');
    expect(controller.ask(attachEndpoint('tiny', 'h5', 'c'))).toMatchObject({
      reason: 'exhausted',
      faults: [{ problem: expect.stringContaining('are in blocks of hosts that are away') }],
    });
  });
});

describe('a block that was given up', () => {
  test('is free once all hosts of the network have applied that', () => {
    const controller = threeHosts();
    for (const name of ['h1', 'h2', 'h3']) controller.grant(attachEndpoint('app', name, 'c'));
    controller.grant({ wish: 'evict-host', host: 'h3' });
    const { revision } = controller.state.snapshot;
    const resting = () => [...controller.state.snapshot.blocks.values()].filter(({ retired }) => retired > 0);
    expect(resting().map(({ retired }) => retired)).toEqual([revision, revision]);
    const report = (name: string, appliedRevision: number) => {
      const { id } = controller.state.snapshot.hostNamed(name)!;
      const counts = { headRevision: revision, settledRevision: 0, endpoints: 1, networks: 1 };
      const status = {
        host: id,
        appliedRevision,
        ...counts,
        drift: [],
        failing: [],
        outages: [],
        refused: [],
        permits: [],
        notices: [],
      };
      controller.dispatch({ event: 'status-reported', status });
      controller.dispatch({ event: 'tick' });
      controller.acknowledgeAll();
    };
    report('h1', revision);
    report('h2', revision - 1);
    expect(resting()).toHaveLength(2);
    report('h2', revision);
    expect(resting()).toEqual([]);
  });
});

describe('following', () => {
  test('of a host’s own wish the others are told first', () => {
    const controller = threeHosts();
    for (const [session, name] of ['h1', 'h2', 'h3'].entries()) {
      controller.grant(attachEndpoint('app', name, 'first'), host(name));
      controller.follow(session, name);
    }
    for (const [session, name] of ['h1', 'h2', 'h3'].entries()) {
      controller.sent.clear();
      controller.grant(attachEndpoint('app', name, 'second'), host(name));
      expect(controller.sent.size).toBe(3);
      expect([...controller.sent.keys()].at(-1)).toBe(session);
    }
  });

  test('gives a host its own record, and of a network it is not in no more than that it is', () => {
    const controller = threeHosts();
    controller.grant(attachEndpoint('app', 'h1', 'c1'));
    controller.follow(1, 'h2');
    const records = [...controller.replicas.get(1)!.records()];
    expect(records.map((record) => record.kind)).toEqual(['host', 'network', 'network']);
  });

  test('a network that comes, changes or goes is told to everybody', () => {
    const controller = threeHosts();
    controller.follow(1, 'h3');
    const names = () => [...controller.replicas.get(1)!.networks.values()].map(({ name }) => name).sort();
    controller.grant(createNetwork('web'));
    expect(names()).toEqual(['app', 'db', 'web']);
    const endpoint = controller.grant(attachEndpoint('web', 'h3', 'c1')) as Endpoint;
    controller.grant(detach(endpoint));
    controller.grant({ wish: 'return-blocks', network: endpoint.network, host: 'h3' });
    expect(names(), 'left, and still there').toEqual(['app', 'db', 'web']);
    controller.grant({ wish: 'remove-network', network: 'web' });
    expect(names()).toEqual(['app', 'db']);
  });

  test('an uninterested host hears nothing of endpoints', () => {
    const controller = threeHosts();
    controller.follow(1, 'h3');
    const before = controller.messages.length;
    const endpoint = controller.grant(attachEndpoint('app', 'h1', 'c1')) as Endpoint;
    controller.grant(attachEndpoint('app', 'h2', 'c2'));
    controller.grant(detach(endpoint));
    expect(controller.messages.length).toBe(before);
  });

  test('another host may not listen in', () => {
    const controller = threeHosts();
    controller.follow(1, 'h1', host('h2'));
    expect(controller.ended.get(1)).toMatchObject({ reason: 'forbidden' });
    controller.follow(2, 'nobody');
    expect(controller.ended.get(2)).toMatchObject({ reason: 'absent' });
  });

  test('after a wipe everybody gets a snapshot', () => {
    const controller = threeHosts();
    controller.follow(1, 'h1');
    const network = controller.grant(createNetwork('web')) as Network;
    controller.grant(attachEndpoint('web', 'h1', 'c1'));
    const records = [...controller.state.snapshot.records()].filter((record) => record.kind !== 'endpoint');
    controller.dispatch({ event: 'fed', feed: { feed: 'wipe', revision: 100, records } });
    expect(controller.replicas.get(1)!.revision).toBe(100);
    expect(controller.replicas.get(1)!.endpoints.size).toBe(0);
    expect(controller.state.snapshot.networks.get(network.id)).toBeDefined();
  });

  test.each(Array.from({ length: 40 }, (_, seed) => seed))(
    'what a host was told by and by is what it would be told at once (seed %i)',
    (seed) => {
      const controller = threeHosts(seed);
      const random = seededRandom(seed);
      const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
      for (const [index, name] of ['h1', 'h2', 'h3'].entries()) controller.follow(index, name);
      for (let i = 0; i < 60; i++) {
        const endpoints = [...controller.state.snapshot.endpoints.values()];
        const dice = random();
        if (dice < 0.4 && endpoints.length > 0) controller.ask(detach(pick(endpoints)));
        else if (dice < 0.45) controller.ask({ wish: 'remove-network', network: pick(['app', 'db']) });
        else if (dice < 0.5) controller.ask(createNetwork(pick(['app', 'db'])));
        else controller.ask(attachEndpoint(pick(['app', 'db']), pick(['h1', 'h2', 'h3']), `c${i}`));
        for (const [index, name] of ['h1', 'h2', 'h3'].entries()) {
          const { first } = beginFollow(
            controller.state.snapshot,
            controller.state.snapshot.hostNamed(name)!.id,
          );
          const expected = first.message === 'snapshot' ? sorted(first.records) : [];
          expect(sorted(controller.replicas.get(index)!.records())).toEqual(expected);
        }
      }
    },
  );

  test('beats carry the head, so that lag shows', () => {
    const controller = threeHosts();
    controller.follow(1, 'h1');
    controller.dispatch({ event: 'tick' });
    expect(controller.messages.at(-1)).toEqual({
      message: 'beat',
      revision: controller.state.snapshot.revision,
    });
  });
});
