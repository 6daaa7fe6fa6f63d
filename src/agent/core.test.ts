import { beforeEach, describe, expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import type { Fdb } from '#model/kernel-state.ts';
import { ZERO_MAC } from '#model/mac.ts';
import { BRIDGE_NAME, hostTag, portName } from '#model/own.ts';
import type { Endpoint } from '#model/records.ts';
import { scopeOf } from './scope.ts';
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

describe('attach', () => {
  test('is answered when the kernel is right, and the other host knows the way', async () => {
    const endpoint = await attached(h1, 'app', '/c1');
    expect(await h1.pendingOps()).toEqual([]);
    expect(h1.journal.get(endpoint.id)).toMatchObject({ state: 'attached', namespace: { path: '/c1' } });
    await attached(h2, 'app', '/c2');
    expect(await h2.rowsFor(endpoint)).toBe(1);
    expect(h2.networks()).toEqual(['app']);
  });

  test('that the kernel refuses says why in the field, and leaves nothing', async () => {
    h1.namespaces.set('/c1', h1.kernel.createContainerNamespace('/c1'));
    h1.kernel.addForeignInterface('/c1', 'eth0');
    const request = h1.attach('app', '/c1', { interface: 'eth0' });
    await cluster.settle(2_000);
    expect(h1.answers.get(request)).toMatchObject({
      reason: 'conflict',
      faults: [{ field: 'interface', value: 'eth0' }],
    });
    expect(cluster.controller.state.snapshot.endpoints.size).toBe(0);
    expect([...h1.journal.values()].filter(({ entry }) => entry === 'attachment')).toEqual([]);
    const left = await h1.objects();
    expect(left.filter((object) => object.kind === 'namespace')).toEqual([]);
  });

  test('that the kernel refuses is refused when the journal has it: an agent killed before holds to nothing', async () => {
    await attached(h1, 'app', '/c0');
    h1.cut();
    h1.namespaces.set('/c1', h1.kernel.createContainerNamespace('/c1'));
    h1.kernel.addForeignInterface('/c1', 'eth0');
    const request = h1.attach('app', '/c1', { interface: 'eth0' });
    await cluster.settle();
    h1.holding = 'journal-put';
    await cluster.settle(2_000);
    expect(h1.held.length).toBe(1);
    expect(h1.answers.has(request)).toBe(false);
    h1.letGo();
    await cluster.settle();
    expect(h1.answers.get(request)).toMatchObject({ reason: 'conflict' });
  });

  test('with the controller away is refused, not half done', async () => {
    h1.cut();
    const request = h1.attach('app', '/c1');
    await cluster.settle();
    expect(h1.answers.get(request)).toMatchObject({ reason: 'unavailable' });
    expect(h1.ops).toEqual([]);
  });

  test('into a namespace that has gone is refused and taken back', async () => {
    h1.namespaces.set('/c1', h1.kernel.createContainerNamespace('/c1'));
    h1.kernel.removeContainerNamespace('/c1');
    const request = h1.attach('app', '/c1');
    await cluster.settle();
    expect(h1.answers.get(request)).toMatchObject({ reason: 'absent', faults: [{ field: 'namespace' }] });
    expect(cluster.controller.state.snapshot.endpoints.size).toBe(0);
  });

  test('many at once are all answered', async () => {
    const requests = Array.from({ length: 20 }, (_, i) => h1.attach('app', `/c${i}`));
    await cluster.settle();
    expect(requests.map((request) => h1.answers.get(request))).toEqual(
      requests.map(() => expect.objectContaining({ answer: 'attached' })),
    );
    expect(await h1.pendingOps()).toEqual([]);
  });
});

describe('a host that a commit does not concern', () => {
  test('is up to date at the next beat', async () => {
    await attached(h1, 'app', '/c1');
    cluster.controller.grant(createNetwork('other'));
    cluster.controller.dispatch({ event: 'tick' });
    await cluster.settle();
    expect(h1.state.turn.applied).toBe(cluster.controller.state.snapshot.revision);
  });
});

describe('the turn', () => {
  test('repairs what somebody else deleted', async () => {
    const remote = await attached(h2, 'app', '/c2');
    const local = await attached(h1, 'app', '/c1');
    const row = (await h1.objects()).find((object) => object.kind === 'fdb' && object.mac === remote.mac)!;
    await h1.kernel.apply([{ verb: 'delete', object: row }], scopeOf(h1.state));
    h1.dispatch({ event: 'kernel-changed', changes: [{ dirty: 'all' }] });
    await cluster.settle(1_000);
    expect(await h1.rowsFor(remote)).toBe(1);
    const port = (await h1.objects()).find(
      (object) => object.kind === 'link' && object.name === portName(local.id),
    )!;
    await h1.kernel.apply([{ verb: 'delete', object: port }], scopeOf(h1.state));
    // No event this time: the look that comes by itself finds it.
    await cluster.settle(6_000);
    expect(await h1.pendingOps()).toEqual([]);
  });

  test('mends a row that the kernel tells of at once, and looks at nothing else for that', async () => {
    const { row } = await struckRow();
    h1.ops.length = 0;
    const change = { dirty: 'row', row, gone: true } as const;
    // Of a neighbour the kernel tells it twice.
    h1.dispatch({ event: 'kernel-changed', changes: [change, change] });
    cluster.nowMs += 50;
    h1.dispatch({ event: 'tick' });
    expect(h1.state.turn.phase).toBe('idle');
    await h1.work();
    expect(h1.ops).toEqual([{ verb: 'add', object: row }]);
  });

  test('makes a port whole that was tried behind a stranger’s interface which was just going', async () => {
    const { id, interface: name } = await attached(h1, 'app', '/c1');
    await cluster.settle(6_000);
    const port = (await h1.objects()).find(
      (object) => object.kind === 'link' && object.name === portName(id),
    )!;
    await h1.kernel.apply([{ verb: 'delete', object: port }], scopeOf(h1.state));
    h1.kernel.addForeignInterface('/c1', name);
    h1.dispatch({ event: 'kernel-changed', changes: [{ dirty: 'all' }] });
    h1.holding = 'apply';
    await cluster.settle(1_000);
    h1.kernel.moveLink({ ns: '/c1', name }, { ns: '/c1', name: 'eve0' }, false);
    h1.letGo();
    await cluster.settle(6_000);
    expect(h1.state.turn.failing).toEqual([]);
    expect(await h1.pendingOps()).toEqual([]);
  });

  test('leaves the bridge its own row, of which the kernel tells when the bridge is given its MAC again', async () => {
    await struckRow();
    const row = (await h1.objects()).find(
      (object): object is Fdb => object.kind === 'fdb' && object.dev === BRIDGE_NAME,
    )!;
    h1.ops.length = 0;
    h1.dispatch({ event: 'kernel-changed', changes: [{ dirty: 'row', row, gone: false }] });
    await h1.work();
    expect(h1.ops).toEqual([]);
    h1.dispatch({ event: 'kernel-changed', changes: [{ dirty: 'row', row, gone: true }] });
    await h1.work();
    expect(h1.ops).toEqual([{ verb: 'add', object: row }]);
  });

  test('mends a row that changed while it looked when the look is over', async () => {
    const { remote, row } = await struckRow();
    h1.dispatch({ event: 'kernel-changed', changes: [{ dirty: 'all' }] });
    h1.holding = 'observe';
    h1.dispatch({ event: 'tick' });
    await h1.work();
    h1.dispatch({ event: 'kernel-changed', changes: [{ dirty: 'row', row, gone: true }] });
    expect(h1.state.turn.heard).toHaveLength(1);
    h1.letGo();
    await cluster.settle();
    expect(await h1.rowsFor(remote)).toBe(1);
    expect(h1.state.turn.heard).toEqual([]);
  });

  test('finds within 30 s what changed in a table and nobody told', async () => {
    const { remote } = await struckRow();
    expect(await h1.rowsFor(remote)).toBe(0);
    await cluster.settle(30_000);
    expect(await h1.rowsFor(remote)).toBe(1);
  });

  /** The way to a remote endpoint, deleted by a stranger's hand when all was at rest. */
  async function struckRow() {
    const remote = await attached(h2, 'app', '/c2');
    await attached(h1, 'app', '/c1');
    await cluster.settle(6_000);
    const row = (await h1.objects()).find(
      (object): object is Fdb => object.kind === 'fdb' && object.mac === remote.mac,
    )!;
    await h1.kernel.apply([{ verb: 'delete', object: row }], scopeOf(h1.state));
    return { remote, row };
  }

  test('writes nothing when nothing changed', async () => {
    await attached(h1, 'app', '/c1');
    h1.ops.length = 0;
    h1.restart();
    await cluster.settle(20_000);
    expect(h1.ops).toEqual([]);
  });

  test('comes back for what the kernel refused', async () => {
    await attached(h1, 'app', '/c1');
    const isRow = (op: KernelOp) =>
      op.verb === 'add' &&
      op.object.kind === 'fdb' &&
      op.object.dst !== undefined &&
      op.object.mac !== ZERO_MAC;
    // On the short way, in the turn that was due anyway, and in the one that looks after the short way.
    for (let i = 0; i < 3; i++) h1.kernel.failNext(isRow, 'ENOMEM');
    const remote = await attached(h2, 'app', '/c2');
    expect(h1.kernel.pendingFailures).toBe(0);
    expect(h1.state.status?.failing).toMatchObject([{ errno: 'ENOMEM' }]);
    await cluster.settle(1_000);
    expect(await h1.rowsFor(remote)).toBe(1);
    expect(h1.state.status?.failing).toEqual([]);
  });

  test('a container that ended is told, and nothing is plugged into its successor', async () => {
    const endpoint = await attached(h1, 'app', '/c1');
    h1.kernel.createContainerNamespace('/c1');
    await cluster.settle(6_000);
    expect(h1.state.status?.notices).toMatchObject([{ code: 'namespace-gone' }]);
    expect((await h1.objects()).filter((object) => object.ns === '/c1')).toEqual([]);
    expect(cluster.controller.state.snapshot.endpoints.has(endpoint.id)).toBe(true);
  });
});

describe('with the controller away', () => {
  test('a restarted agent keeps what runs, repairs it, and deletes nothing that it cannot know', async () => {
    await attached(h1, 'app', '/c1');
    const remote = await attached(h2, 'app', '/c2');
    h1.cut();
    // Somebody the old view does not know: perhaps a stranger, perhaps a peer that came since.
    const unknown: KernelOp = {
      verb: 'add',
      object: { ...(await vxlanRow(h1, remote)), mac: '02:00:00:00:00:99' as Endpoint['mac'] },
    };
    await h1.kernel.apply(
      [unknown, { verb: 'delete', object: await vxlanRow(h1, remote) }],
      scopeOf(h1.state),
    );
    h1.restart();
    await cluster.settle(6_000);
    expect(await h1.rowsFor(remote)).toBe(1);
    expect(await h1.rowsFor({ ...remote, mac: '02:00:00:00:00:99' as Endpoint['mac'] })).toBe(1);
    h1.heal();
    await cluster.settle(6_000);
    expect(await h1.rowsFor({ ...remote, mac: '02:00:00:00:00:99' as Endpoint['mac'] })).toBe(0);
  });

  test('after a reboot the endpoints of before are dead until somebody attaches again', async () => {
    const endpoint = await attached(h1, 'app', '/c1');
    h1.restart('boot-2');
    await cluster.settle(6_000);
    const links = (await h1.objects()).filter(
      (object) => object.kind === 'link' && object.name === portName(endpoint.id),
    );
    expect(links).toEqual([]);
    expect(await attached(h1, 'app', '/c1')).toMatchObject({ id: endpoint.id });
    expect(await h1.pendingOps()).toEqual([]);
  });

  test('a silent controller counts as gone after ten seconds', async () => {
    expect(h1.state.session.connected).toBe(true);
    await cluster.settle(9_000);
    expect(h1.state.session.connected).toBe(true);
    h1.connected = false;
    await cluster.settle(3_000);
    expect(h1.state.session.connected).toBe(false);
  });
});

describe('reset', () => {
  test('leaves no trace, also with the controller away', async () => {
    await attached(h1, 'app', '/c1');
    await attached(h1, 'db', '/c1b');
    h1.cut();
    const request = h1.ask((number) => ({ event: 'asked-reset', request: number }));
    await cluster.settle();
    expect(h1.answers.get(request)).toEqual({ answer: 'reset' });
    const overlays = (await h1.objects()).filter(({ ns }) => ns.startsWith(`weft-${hostTag(h1.state.host)}`));
    expect(overlays).toEqual([]);
    h1.heal();
    await cluster.settle();
    expect(cluster.controller.state.snapshot.endpoints.size).toBe(0);
  });
});

async function vxlanRow(agent: TestAgent, { mac }: Endpoint) {
  const row = (await agent.objects()).find(
    (object) => object.kind === 'fdb' && object.mac === mac && object.table === 'self',
  );
  if (row?.kind !== 'fdb') throw new Error('no row');
  return row;
}
