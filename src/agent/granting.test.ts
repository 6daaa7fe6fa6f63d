import { beforeEach, describe, expect, test } from 'vitest';
import { attachEndpoint, createNetwork } from '#intent/test-world.ts';
import { fault, isRejection, reject } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { KernelOp } from '#model/kernel-op.ts';
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
});

const noRoom = reject('unavailable', fault('disk', 'journal', 'is full', 'make room'));

const attached = (agent: TestAgent, network: string, path: string) => cluster.attached(agent, network, path);

describe('granting alone', () => {
  const addressesOf = (agent: TestAgent, request: number): readonly string[] => {
    const answer = agent.answers.get(request);
    if (!answer || isRejection(answer) || answer.answer !== 'attached')
      throw new Error(JSON.stringify(answer));
    return answer.endpoint.addresses;
  };

  test('tells of several attaches, one upon the other, together: soon, or when somebody asks around', async () => {
    await attached(h1, 'app', '/c1');
    await cluster.settle(500);
    for (const path of ['/c2', '/c3', '/c4']) await attached(h1, 'app', path);
    const told = () => cluster.controller.state.snapshot.endpoints.size;
    expect(told()).toBe(2);
    h1.dispatch({ event: 'asked-around' });
    await cluster.settle();
    expect(told()).toBe(4);
    await attached(h1, 'app', '/c5');
    for (const name of ['c2', 'c3']) h1.detach({ endpoint: name });
    await cluster.settle();
    expect(told()).toBe(4);
    cluster.nowMs += 2;
    await cluster.settle();
    expect(told()).toBe(3);
  });

  test('tells of several attaches together also where the agent itself was slow to hear of the next one', async () => {
    await attached(h1, 'app', '/c1');
    await attached(h1, 'app', '/c2');
    const told = () => cluster.controller.state.snapshot.endpoints.size;
    cluster.nowMs += 30;
    cluster.busyMs += 30;
    await attached(h1, 'app', '/c3');
    expect(told()).toBe(1);
    cluster.nowMs += 2;
    await cluster.settle();
    expect(told()).toBe(3);
  });

  test('serves from the own block with the controller away, and publishes later', async () => {
    await attached(h1, 'app', '/c1');
    h1.cut();
    const request = h1.attach('app', '/c2');
    await cluster.settle();
    const [ip] = addressesOf(h1, request);
    expect(cluster.controller.state.snapshot.endpoints.size).toBe(1);
    h1.restart();
    await cluster.settle();
    expect(await h1.pendingOps()).toEqual([]);
    h1.heal();
    await cluster.settle(1_000);
    const published = [...cluster.controller.state.snapshot.endpoints.values()].map(
      ({ addresses }) => addresses[0],
    );
    expect(published).toContain(ip);
    expect(
      [...h1.journal.values()].filter((entry) => entry.entry === 'attachment' && !entry.published),
    ).toEqual([]);
  });

  test('an endpoint made and gone while the controller was away is never heard of', async () => {
    await attached(h1, 'app', '/c1');
    h1.cut();
    h1.attach('app', '/c2');
    await cluster.settle();
    h1.detach({ endpoint: 'c2' });
    await cluster.settle();
    h1.heal();
    await cluster.settle(1_000);
    expect(cluster.controller.state.snapshot.endpoints.size).toBe(1);
    expect([...h1.journal.values()].filter(({ entry }) => entry === 'attachment')).toHaveLength(1);
  });

  /** Asked for, and told to the controller, whose answer is on its way when it is asked for once more. */
  async function askTwice(betweenThem: () => void): Promise<Endpoint> {
    await attached(h1, 'app', '/c1');
    await cluster.settle(500);
    h1.holding = 'publish';
    const endpoint = await attached(h1, 'app', '/c2');
    const [publish] = h1.held.splice(0);
    if (publish?.effect !== 'publish') throw new Error('nothing is published');
    betweenThem();
    h1.holding = 'journal-put';
    h1.attach('app', '/c2');
    await cluster.settle();
    const wish = { wish: 'publish-endpoint', endpoint: publish.endpoint } as const;
    cluster.controller.grant(wish, { role: 'host', name: 'h1' });
    const { id, generation } = endpoint;
    const outcome = cluster.controller.state.snapshot.revision;
    h1.dispatch({ event: 'published', endpoint: id, generation, outcome });
    await cluster.settle();
    h1.letGo();
    await cluster.settle(1_000);
    return endpoint;
  }

  test('remembers what was published while it was asked for once more, and can ask for other things', async () => {
    const { id } = await askTwice(() => {});
    expect(h1.journal.get(id)).toMatchObject({ published: true });
    expect(h1.state.unwritten.size).toBe(0);
    await attached(h1, 'db', '/c3');
  });

  test('of an endpoint that is made anew while the old one is published, the new one is on disk and published', async () => {
    const { id } = await askTwice(() => h1.namespaces.set('/c2', h1.kernel.createContainerNamespace('/c2')));
    expect(h1.journal.get(id)).toMatchObject({ published: true, endpoint: { generation: 2 } });
    expect(cluster.controller.state.snapshot.endpoints.get(id)?.generation).toBe(2);
    await attached(h1, 'db', '/c3');
  });

  test('of an endpoint made anew that a full disk does not take, all know what was before', async () => {
    const { id } = await attached(h1, 'app', '/c1');
    h1.namespaces.set('/c1', h1.kernel.createContainerNamespace('/c1'));
    h1.holding = 'journal-put';
    h1.attach('app', '/c1');
    await cluster.settle();
    expect(h1.state.view.endpoints.get(id)?.generation).toBe(2);
    h1.held.splice(0);
    h1.dispatch({ event: 'journal-failed', key: id, rejection: noRoom });
    expect(h1.state.view.endpoints.get(id)?.generation).toBe(1);
  });

  test('of an address that was set aside a full disk leaves nothing with the controller, heard of or not', async () => {
    const { id, subnets } = [...cluster.controller.state.snapshot.networks.values()][0]!;
    const granted = () => [...cluster.controller.state.snapshot.endpoints.values()].map((each) => each.id);
    const ask = { network: id, subnet: subnets[0]!.cidr };
    await cluster.settle();
    h1.ask((request) => ({ event: 'asked-hold', request, ask }));
    while (h1.state.holds.size === 0) await h1.work();
    const [endpoint] = [...h1.state.holds.values()].map(({ grant }) => grant?.endpoint) as [Endpoint];
    expect(h1.state.view.endpoints.has(endpoint.id)).toBe(false);
    h1.holding = 'journal-put';
    const request = h1.attachThroughDoor(id, 'e1', { addresses: [endpoint.addresses[0]!] });
    await cluster.settle();
    expect(granted()).toEqual([endpoint.id]);
    h1.dispatch({ event: 'journal-failed', key: endpoint.id, rejection: noRoom });
    await cluster.settle(1_000);
    expect(h1.answers.get(request)).toEqual(noRoom);
    expect(granted()).toEqual([]);
  });

  /** In the kernel, while the disk flushes what is promised. */
  async function attachFlushing(): Promise<{ id: Id; request: number }> {
    await attached(h1, 'app', '/c1');
    h1.holding = 'journal-put';
    const request = h1.attach('app', '/c2');
    await cluster.settle();
    const [put] = h1.held;
    if (put?.effect !== 'journal-put') throw new Error('nothing is written down');
    expect(await h1.pendingOps()).toEqual([]);
    const before = h1.ops.length;
    h1.dispatch({ event: 'journal-written', key: put.key });
    await cluster.settle(2_000);
    expect(h1.ops.length).toBeGreaterThan(before);
    return { id: put.key as Id, request };
  }

  test('is answered and published when the disk has it, though the kernel has it before', async () => {
    const { id, request } = await attachFlushing();
    expect(h1.answers.has(request)).toBe(false);
    expect(cluster.controller.state.snapshot.endpoints.has(id)).toBe(false);
    const written = h1.ops.length;
    h1.letGo();
    await cluster.settle(2_000);
    expect(h1.answers.get(request)).toMatchObject({ answer: 'attached', endpoint: { id } });
    expect(cluster.controller.state.snapshot.endpoints.has(id)).toBe(true);
    expect(h1.ops.length).toBe(written);
  });

  test('what the disk refuses when it is to flush is taken out of the kernel again', async () => {
    const { id, request } = await attachFlushing();
    h1.held.splice(0);
    h1.dispatch({ event: 'journal-failed', key: id, rejection: noRoom });
    h1.letGo();
    await cluster.settle(10_000);
    expect(h1.answers.get(request)).toMatchObject({ reason: 'unavailable', faults: [{ field: 'disk' }] });
    expect(h1.journal.has(id)).toBe(false);
    expect(h1.state.view.endpoints.has(id)).toBe(false);
    expect(await h1.pendingOps()).toEqual([]);
  });

  test('an address that was given back rests', async () => {
    await attached(h1, 'app', '/c1');
    const old = addressesOf(h1, await attachNow(h1, '/c2'));
    h1.detach({ endpoint: 'c2' });
    await cluster.settle();
    expect(addressesOf(h1, await attachNow(h1, '/c3'))).not.toEqual(old);
    await cluster.settle(20_000);
    // Containers may still remember it as another's, and there are others.
    expect(addressesOf(h1, await attachNow(h1, '/c4'))).not.toEqual(old);
    await cluster.settle(110_000);
    expect(addressesOf(h1, await attachNow(h1, '/c5'))).toEqual(old);
  });

  test('one that has rested is given where there are no others', async () => {
    const first = await attached(h1, 'app', '/c1');
    h1.cut();
    for (let i = 2, refused = false; !refused; i++)
      refused = isRejection(h1.answers.get(await attachNow(h1, `/c${i}`))!);
    h1.detach({ endpoint: first.id });
    await cluster.settle(20_000);
    expect(addressesOf(h1, await attachNow(h1, '/new'))[0]).toBe(first.addresses[0]);
  });

  test("an address in another host's block is asked for first", async () => {
    await attached(h1, 'app', '/c1');
    await attached(h2, 'app', '/c2');
    // The next that h1 would give by itself.
    const next = '10.128.0.3';
    const asked = h2.attach('app', '/c3', { addresses: [next] });
    const own = h1.attach('app', '/c4');
    await cluster.settle(2_000);
    const holders = [...cluster.controller.state.snapshot.endpoints.values()].filter(({ addresses }) =>
      addresses.includes(next as never),
    );
    expect(holders).toHaveLength(1);
    const answers = [h2.answers.get(asked), h1.answers.get(own)];
    expect(answers.every((answer) => answer !== undefined)).toBe(true);
    const given = answers.filter(
      (answer) =>
        answer &&
        !isRejection(answer) &&
        answer.answer === 'attached' &&
        answer.endpoint.addresses.includes(next as never),
    );
    expect(given).toHaveLength(1);
  });

  test('and refused when its owner cannot be heard', async () => {
    await attached(h1, 'app', '/c1');
    await attached(h2, 'app', '/c2');
    h1.cut();
    const request = h2.attach('app', '/c3', { addresses: ['10.128.0.3'] });
    await cluster.settle(1_000);
    expect(h2.answers.get(request)).toMatchObject({
      reason: 'unavailable',
      faults: [{ field: 'host', value: 'h1' }],
    });
  });

  test('what the controller granted to nobody goes back', async () => {
    await attached(h1, 'app', '/c1');
    cluster.controller.grant(attachEndpoint('app', 'h1', 'lost'), { role: 'host', name: 'h1' });
    h1.restart();
    await cluster.settle(1_000);
    expect(
      [...cluster.controller.state.snapshot.endpoints.values()].map(({ containerId }) => containerId),
    ).toEqual(['/c1']);
  });

  test('the same container in another namespace has a higher generation', async () => {
    const first = await attached(h1, 'app', '/c1');
    h1.namespaces.set('/c1', h1.kernel.createContainerNamespace('/c1'));
    const second = await attached(h1, 'app', '/c1');
    expect(second).toMatchObject({ id: first.id, mac: first.mac, generation: 2 });
    await cluster.settle(500);
    expect(cluster.controller.state.snapshot.endpoints.get(first.id)?.generation).toBe(2);
    cluster.controller.ask({ wish: 'detach-endpoint', endpoint: first.id, generation: 1 });
    await cluster.settle(1_000);
    expect(await h1.pendingOps()).toEqual([]);
    expect(cluster.controller.state.snapshot.endpoints.has(first.id)).toBe(true);
  });

  test('what the controller grants, and is told the end of before that is heard, is made anew', async () => {
    h1.holding = 'ask-attach';
    const [refused, late] = [h1.attach('app', '/c1'), h1.attach('app', '/c1')];
    await cluster.settle();
    const { controller } = cluster;
    const wish = attachEndpoint('app', 'h1', '/c1', { name: 'c1' });
    const endpoint = controller.grant(wish, { role: 'host', name: 'h1' }) as Endpoint;
    const grant = { endpoint, revision: controller.state.snapshot.revision, notices: [] };
    const isPort = ({ object }: KernelOp) => object.kind === 'link' && object.name === portName(endpoint.id);
    h1.kernel.failNext(isPort, 'ENOMEM');
    h1.dispatch({ event: 'attach-granted', request: refused, grant });
    await cluster.settle();
    expect(h1.answers.get(refused)).toMatchObject({ reason: 'unavailable' });
    h1.dispatch({ event: 'attach-granted', request: late, grant });
    await cluster.settle(500);
    const anew = { id: endpoint.id, generation: 2 };
    expect(h1.answers.get(late)).toMatchObject({ answer: 'attached', endpoint: anew });
    expect(controller.state.snapshot.endpoints.get(endpoint.id)).toMatchObject(anew);
  });

  async function attachNow(agent: TestAgent, path: string): Promise<number> {
    const request = agent.attach('app', path);
    await cluster.settle();
    return request;
  }
});
