import { beforeEach, describe, expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import { isRejection, type Rejection } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import { hostEndName, hostTag, overlayNamespace, portName } from '#model/own.ts';
import type { Endpoint, Network } from '#model/records.ts';
import type { Attachment } from './attachment.ts';
import type { DoorHandle } from './event.ts';
import { attachedBy, heldBy, startTwoHosts, type TestAgent, type TestCluster } from './test-cluster.ts';

let cluster: TestCluster;
let h1: TestAgent;
let h2: TestAgent;
let app: Network;

beforeEach(async () => {
  [cluster, h1, h2] = await startTwoHosts();
  app = cluster.controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'] })) as Network;
  await cluster.settle();
});

const doorOf = (handle: string): DoorHandle => ({ runtime: 'docker', handle });

async function hold(agent: TestAgent, address?: string, subnet = 0): Promise<Ip | Rejection> {
  const request = agent.ask((each) => ({
    event: 'asked-hold',
    request: each,
    ask: { network: app.id, subnet: app.subnets[subnet]!.cidr, address: address as Ip | undefined },
  }));
  await cluster.settle(1_000);
  return heldBy(agent, request);
}

async function attach(agent: TestAgent, handle: string, ...addresses: string[]): Promise<Endpoint> {
  const request = agent.attachThroughDoor(app.id, handle, { addresses });
  await cluster.settle(1_000);
  return attachedBy(agent, request);
}

async function attachHeld(agent: TestAgent, handle: string): Promise<Endpoint> {
  const address = await hold(agent);
  if (isRejection(address)) throw new Error(JSON.stringify(address));
  return attach(agent, handle, address);
}

const overlayOf = (agent: TestAgent) => overlayNamespace(hostTag(agent.state.host), app.vni);

/** As dockerd does between the plugin's answer to Join and the start of the container. */
function move(agent: TestAgent, { id, addresses }: Endpoint, path: string, name: string): void {
  if (!agent.namespaces.has(path)) agent.namespaces.set(path, agent.kernel.createContainerNamespace(path));
  agent.kernel.moveLink({ ns: '', name: hostEndName(id) }, { ns: path, name }, true);
  void agent.kernel.apply(
    addresses.map((ip) => ({
      verb: 'add',
      object: { kind: 'address', ns: path, dev: name, address: `${ip}/24` as never },
    })),
    { hostTag: '', containers: [{ namespace: agent.namespaces.get(path)!, interfaces: [name] }] },
  );
}

async function settleAt(agent: TestAgent, handle: string, endpoint: Endpoint, path: string, name = 'eth0') {
  agent.ask((request) => ({ event: 'moving', request, door: doorOf(handle), sandboxPath: path }));
  await cluster.settle(1_000);
  move(agent, endpoint, path, name);
  await cluster.settle(1_000);
}

const attachmentOf = (agent: TestAgent, id: Id) => agent.journal.get(id) as Attachment;

const linkOf = async (agent: TestAgent, ns: string, name: string) => {
  const containers = [...agent.namespaces.values()].flatMap((namespace) =>
    namespace ? [{ namespace, interfaces: [name] }] : [],
  );
  const seen = await agent.kernel.observe({ hostTag: hostTag(agent.state.host), containers });
  return seen.link.get(`${ns} ${name}`);
};

const records = () => [...cluster.controller.state.snapshot.endpoints.values()];

describe('an address that is set aside', () => {
  test('comes from the controller first, then from the own block, and is given to nobody else', async () => {
    const first = await hold(h1);
    const second = await hold(h1);
    expect([first, second]).toEqual(['10.1.0.2', '10.1.0.3']);
    const other = h1.attach('app', '/c1');
    await cluster.settle(1_000);
    expect(attachedBy(h1, other).addresses).toEqual(['10.1.0.4']);
  });

  test('is taken over by the attach that names it, and is no more then', async () => {
    const endpoint = await attachHeld(h1, 'e1');
    expect(endpoint).toMatchObject({ addresses: ['10.1.0.2'], runtime: 'docker', containerId: 'e1' });
    expect(h1.state.holds.size).toBe(0);
    expect(records()).toMatchObject([
      { id: endpoint.id, containerId: 'e1', generation: endpoint.generation },
    ]);
    expect(await attachHeld(h1, 'e2')).toMatchObject({ addresses: ['10.1.0.3'], generation: 1 });
  });

  test('is free again when it is dropped, and after half a minute', async () => {
    await hold(h1);
    h1.dispatch({ event: 'hold-dropped', network: app.id, address: '10.1.0.2' as Ip });
    await cluster.settle(1_000);
    expect(records()).toEqual([]);
    const second = await hold(h1);
    expect(isRejection(second)).toBe(false);
    await cluster.settle(31_000);
    expect(h1.state.holds.size).toBe(0);
    expect(records()).toEqual([]);
  });

  test('does not outlive a reset', async () => {
    await hold(h1);
    const request = h1.ask((each) => ({ event: 'asked-reset', request: each }));
    await cluster.settle(1_000);
    expect(h1.answers.get(request)).toEqual({ answer: 'reset' });
    expect(records()).toEqual([]);
    expect([...h1.state.view.blocks.values()].filter(({ retired }) => retired === 0)).toEqual([]);
  });

  test('goes back when the agent dies', async () => {
    await hold(h1);
    h1.restart();
    await cluster.settle(2_000);
    expect(records()).toEqual([]);
  });

  test('fifty at once are fifty, whatever comes between', async () => {
    const requests = Array.from({ length: 50 }, () =>
      h1.ask((request) => ({
        event: 'asked-hold',
        request,
        ask: { network: app.id, subnet: app.subnets[0]!.cidr },
      })),
    );
    const others = [
      h1.attach('app', '/c1'),
      h2.attach('app', '/c2'),
      h1.attach('app', '/c3', { mac: '02:00:00:00:00:09' }),
    ];
    await cluster.settle(4_000);
    const held = requests.map((request) => heldBy(h1, request));
    expect(held.filter((each) => isRejection(each))).toEqual([]);
    const given = [
      ...held,
      ...others.map((request, i) => attachedBy([h1, h2, h1][i]!, request).addresses[0]),
    ];
    expect(new Set(given).size).toBe(53);
    const attached = held.map((address, i) =>
      h1.attachThroughDoor(app.id, `e${i}`, { addresses: [address as Ip] }),
    );
    await cluster.settle(4_000);
    expect(attached.map((request) => attachedBy(h1, request).addresses[0])).toEqual(held);
    expect(records()).toHaveLength(53);
  });

  test('with the controller away it comes from the own block, or not at all', async () => {
    h1.cut();
    expect(await hold(h1)).toMatchObject({ reason: 'unavailable' });
    h1.heal();
    await cluster.settle(1_000);
    await attachHeld(h1, 'e1');
    h1.cut();
    expect(await hold(h1)).toBe('10.1.0.3');
    expect(await attach(h1, 'e2', '10.1.0.3')).toMatchObject({ addresses: ['10.1.0.3'] });
  });

  test('by name it is refused if it cannot be, and else held unchecked', async () => {
    await attachHeld(h1, 'e1');
    expect(await hold(h1, '10.1.0.2')).toMatchObject({ reason: 'conflict' });
    expect(await hold(h1, '10.1.0.1')).toMatchObject({ reason: 'invalid' });
    expect(await hold(h1, '10.2.0.1')).toMatchObject({ reason: 'invalid' });
    expect(await hold(h1, '10.1.0.200')).toBe('10.1.0.200');
    expect(await hold(h1, '10.1.0.200')).toMatchObject({ reason: 'conflict' });
    expect(await attach(h1, 'e2', '10.1.0.200')).toMatchObject({ addresses: ['10.1.0.200'] });
  });

  test('beside one that only the controller can grant is granted with it', async () => {
    const both = createNetwork('both', { subnets: ['10.2.0.0/24', 'fd00:2::/64'] });
    app = cluster.controller.grant(both) as Network;
    await cluster.settle();
    expect(await hold(h1, '10.2.0.200')).toBe('10.2.0.200');
    const ipv6 = await hold(h1, undefined, 1);
    const endpoint = await attach(h1, 'e1', '10.2.0.200', ipv6 as string);
    expect(endpoint.addresses).toEqual(['10.2.0.200', ipv6]);
    await cluster.settle(2_000);
    expect(attachmentOf(h1, endpoint.id)).toMatchObject({ state: 'attached', published: true });
    expect(records()).toMatchObject([{ id: endpoint.id, addresses: ['10.2.0.200', ipv6] }]);
    expect(h1.state.holds.size).toBe(0);
  });

  test('is not taken by somebody who asks for it by name', async () => {
    await attachHeld(h1, 'e1');
    await hold(h1);
    const request = h1.attach('app', '/c1', { addresses: ['10.1.0.3'] });
    await cluster.settle(1_000);
    expect(h1.answers.get(request)).toMatchObject({ reason: 'conflict' });
    const elsewhere = h2.attach('app', '/c2', { addresses: ['10.1.0.3'] });
    await cluster.settle(3_000);
    const held = await attach(h1, 'e3', '10.1.0.3');
    expect(held.addresses).toEqual(['10.1.0.3']);
    await cluster.settle(3_000);
    expect(h2.answers.get(elsewhere)).toMatchObject({ reason: 'conflict' });
  });

  test('is found when all blocks are others’', async () => {
    const tiny = cluster.controller.grant(createNetwork('tiny', { subnets: ['10.9.0.0/29'] })) as Network;
    await cluster.settle();
    app = tiny;
    const [one, two] = [await attachHeld(h1, 'e1'), await attachHeld(h2, 'e2')];
    expect([one.addresses, two.addresses]).toEqual([['10.9.0.2'], ['10.9.0.3']]);
    expect((await attachHeld(h1, 'e3')).addresses).toEqual(['10.9.0.4']);
  });
});

describe('an endpoint through the door', () => {
  test('waits in the host’s own namespace, dressed and not up', async () => {
    const endpoint = await attachHeld(h1, 'e1');
    const port = await linkOf(h1, overlayOf(h1), portName(endpoint.id));
    expect(port).toMatchObject({
      up: true,
      master: 'br0',
      detail: { peer: { ns: '', name: hostEndName(endpoint.id) } },
    });
    expect(await h1.pendingOps()).toEqual([]);
  });

  test('the same handle again is the same endpoint, also after the agent was killed', async () => {
    const endpoint = await attachHeld(h1, 'e1');
    expect((await attach(h1, 'e1', ...endpoint.addresses)).id).toBe(endpoint.id);
    h1.restart();
    await cluster.settle(1_000);
    expect(await attach(h1, 'e1', ...endpoint.addresses)).toEqual(endpoint);
    expect(await h1.pendingOps()).toEqual([]);
  });

  test('is left alone while its runtime moves it, found then, and told', async () => {
    const endpoint = await attachHeld(h1, 'e1');
    h1.kernel.moveLink({ ns: '', name: hostEndName(endpoint.id) }, { ns: '', name: 'moving' }, false);
    await cluster.settle(5_000);
    expect(await h1.pendingOps()).toEqual([]);
    h1.kernel.moveLink({ ns: '', name: 'moving' }, { ns: '', name: hostEndName(endpoint.id) }, false);
    await settleAt(h1, 'e1', endpoint, '/run/docker/netns/s1', 'eth1');
    expect(attachmentOf(h1, endpoint.id)).toMatchObject({
      namespace: { path: '/run/docker/netns/s1' },
      endpoint: { interface: 'eth1', generation: endpoint.generation + 1 },
      published: true,
    });
    expect(records()[0]).toMatchObject({ interface: 'eth1' });
    expect(await h1.pendingOps()).toEqual([]);
  });

  test('is found at the next start, if the agent was away meanwhile', async () => {
    const endpoint = await attachHeld(h1, 'e1');
    h1.ask((request) => ({
      event: 'moving',
      request,
      door: doorOf('e1'),
      sandboxPath: '/run/docker/netns/s1',
    }));
    await cluster.settle();
    h1.restart();
    move(h1, endpoint, '/run/docker/netns/s1', 'eth0');
    await cluster.settle(1_000);
    expect(attachmentOf(h1, endpoint.id).namespace?.path).toBe('/run/docker/netns/s1');
  });

  test('is made again inside its container when somebody deletes it', async () => {
    const endpoint = await attachHeld(h1, 'e1');
    await settleAt(h1, 'e1', endpoint, '/run/docker/netns/s1');
    const port = (await linkOf(h1, overlayOf(h1), portName(endpoint.id)))!;
    await h1.kernel.apply([{ verb: 'delete', object: port }], { hostTag: '', containers: [] });
    await cluster.settle(6_000);
    expect(await linkOf(h1, '/run/docker/netns/s1', 'eth0')).toMatchObject({ up: true, mac: endpoint.mac });
    expect(await h1.pendingOps()).toEqual([]);
  });

  test('what its runtime gives the interface beside is left alone', async () => {
    const endpoint = await attachHeld(h1, 'e1');
    const path = '/run/docker/netns/s1';
    await settleAt(h1, 'e1', endpoint, path);
    const namespace = h1.namespaces.get(path)!;
    const more = { kind: 'address', ns: path, dev: 'eth0', address: '192.168.7.1/24' as never } as const;
    await h1.kernel.apply([{ verb: 'add', object: more }], {
      hostTag: '',
      containers: [{ namespace, interfaces: ['eth0'] }],
    });
    expect(await h1.pendingOps()).toEqual([]);
  });

  test('given back to the host, it is not made again in the container', async () => {
    const endpoint = await attachHeld(h1, 'e1');
    const path = '/run/docker/netns/s1';
    await settleAt(h1, 'e1', endpoint, path);
    h1.kernel.moveLink({ ns: path, name: 'eth0' }, { ns: '', name: hostEndName(endpoint.id) }, false);
    await cluster.settle(6_000);
    expect(await h1.pendingOps()).toEqual([]);
    expect(await linkOf(h1, path, 'eth0')).toBeUndefined();
  });

  test.each(['waiting', 'settled', 'given back', 'gone'])('is detached when it is %s', async (how) => {
    const endpoint = await attachHeld(h1, 'e1');
    const path = '/run/docker/netns/s1';
    if (how !== 'waiting') await settleAt(h1, 'e1', endpoint, path);
    if (how === 'given back')
      h1.kernel.moveLink({ ns: path, name: 'eth0' }, { ns: '', name: hostEndName(endpoint.id) }, false);
    if (how === 'gone') h1.kernel.removeContainerNamespace(path);
    h1.cut();
    const request = h1.detach({ door: doorOf('e1') });
    await cluster.settle();
    expect(h1.answers.get(request)).toMatchObject({ answer: 'detached' });
    h1.heal();
    await cluster.settle(2_000);
    expect(records()).toEqual([]);
    expect([...h1.journal.values()].filter(({ entry }) => entry === 'attachment')).toEqual([]);
    expect(await linkOf(h1, overlayOf(h1), portName(endpoint.id))).toBeUndefined();
    const unknown = h1.detach({ door: doorOf('e1') });
    expect(h1.answers.get(unknown)).toBeUndefined();
    await cluster.settle();
    expect(h1.answers.get(unknown)).toMatchObject({ answer: 'detached' });
  });

  test('its address may be had again at once by name, also with the controller away', async () => {
    const endpoint = await attachHeld(h1, 'e1');
    h1.cut();
    h1.detach({ door: doorOf('e1') });
    await cluster.settle();
    expect(await hold(h1, endpoint.addresses[0])).toBe(endpoint.addresses[0]);
    const again = await attach(h1, 'e2', ...endpoint.addresses);
    expect(again.addresses).toEqual(endpoint.addresses);
    expect(again.mac).not.toBe(endpoint.mac);
    h1.heal();
    await cluster.settle(3_000);
    expect(records()).toMatchObject([{ id: again.id }]);
  });
});

describe('what a runtime tells later', () => {
  const words = {
    name: 'web-1',
    aliases: ['web', '0123456789ab'],
    containerId: 'c'.repeat(64),
    image: 'nginx:1',
  };

  test('is published once, and no kernel is touched for it', async () => {
    const endpoint = await attachHeld(h1, 'e1');
    const peer = h2.attach('app', '/c2');
    await cluster.settle(1_000);
    attachedBy(h2, peer);
    const writes = [h1.ops.length, h2.ops.length];
    h1.dispatch({ event: 'described', door: doorOf('e1'), words });
    await cluster.settle(1_000);
    const told = h2.state.view.endpoints.get(endpoint.id)!;
    expect(told).toMatchObject({ ...words, generation: endpoint.generation + 1 });
    expect([...h2.state.view.endpointsNamed(app.id, 'WEB')].map(({ id }) => id)).toEqual([endpoint.id]);
    h1.dispatch({ event: 'described', door: doorOf('e1'), words });
    await cluster.settle(1_000);
    expect(h2.state.view.endpoints.get(endpoint.id)?.generation).toBe(told.generation);
    expect([h1.ops.length, h2.ops.length]).toEqual(writes);
  });

  test('what is no name is left out', async () => {
    const endpoint = await attachHeld(h1, 'e1');
    h1.dispatch({
      event: 'described',
      door: doorOf('e1'),
      words: { ...words, name: '-', aliases: ['ok', 'a b', 'OK'] },
    });
    await cluster.settle(1_000);
    expect(records()).toMatchObject([
      { id: endpoint.id, name: 'e1', aliases: ['OK'], containerId: words.containerId },
    ]);
  });

  test('is not lost when the agent dies before it could tell', async () => {
    const endpoint = await attachHeld(h1, 'e1');
    h1.cut();
    h1.dispatch({ event: 'described', door: doorOf('e1'), words });
    await cluster.settle();
    h1.restart();
    await cluster.settle();
    h1.heal();
    await cluster.settle(2_000);
    expect(records()).toMatchObject([{ id: endpoint.id, name: 'web-1' }]);
    expect(await h1.pendingOps()).toEqual([]);
  });
});
