import { beforeEach, describe, expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import type { Fdb, Neighbour } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { hostTag, overlayNamespace } from '#model/own.ts';
import type { Endpoint } from '#model/records.ts';
import { decodeFrame } from '#packet/decode.ts';
import { encodeArpRequest, encodeIcmpEcho } from '#packet/encode-frame.ts';
import { summarizeFrame } from '#packet/summarize.ts';
import { scopeOf } from './scope.ts';
import { startTwoHosts, type TestAgent, type TestCluster } from './test-cluster.ts';

const ASKER = { mac: '02:00:00:00:00:01', ip: '10.128.0.9' };
const PORT = 5;

let cluster: TestCluster;
let h1: TestAgent;
let h2: TestAgent;
let near: Endpoint;
let far: Endpoint;
let heard: string[];

beforeEach(async () => {
  [cluster, h1, h2] = await startTwoHosts();
  cluster.controller.grant(createNetwork('app', { mode: 'on-demand' }));
  near = await attached(h1, '/c1');
  far = await attached(h2, '/c2');
  await cluster.settle(1_000);
  heard = [];
  for (const agent of [h1, h2])
    agent.kernel.onFrame = ({ port }, frame) => heard.push(`${port}: ${summarizeFrame(decodeFrame(frame))}`);
  h1.kernel.watch((change) => h1.dispatch({ event: 'kernel-changed', changes: [change] }));
  h1.kernel.watchMisses((misses) => h1.dispatch({ event: 'missed', misses }));
});

const attached = (agent: TestAgent, path: string) => cluster.attached(agent, 'app', path);

const overlay = () => overlayNamespace(hostTag(h1.state.host), [...h1.state.view.networks.values()][0]!.vni);

async function ask(ip: string, port = PORT): Promise<void> {
  h1.kernel.miss({ missed: 'question', ns: overlay(), port, frame: encodeArpRequest(ASKER, ip) });
  await cluster.settle();
}

/** Of the tunnel on the first host. */
async function rows(): Promise<string[]> {
  const { fdb, neighbour } = await h1.kernel.observe(scopeOf(h1.state));
  return [
    ...[...fdb.values()].filter(({ dst }) => dst).map(({ mac, dst }) => `${mac} ${dst}`),
    ...[...neighbour.values()].map(({ ip, mac }) => `${ip} ${mac}`),
  ];
}

const known = ({ mac, addresses: [ip] }: Endpoint, vtep = '10.99.0.2') => [`${mac} ${vtep}`, `${ip} ${mac}`];
describe('a question', () => {
  test('meets no row; then there are those of whom it is about, it is answered, and nothing drifts', async () => {
    expect(await rows()).toEqual([]);
    await ask(far.addresses[0]!);
    expect(await rows()).toEqual(known(far));
    expect(heard).toEqual([expect.stringMatching(`^5: .*${far.addresses[0]}.*${far.mac}`)]);
    await cluster.settle(5_000);
    expect(await h1.pendingOps()).toEqual([]);
    expect(h1.state.status?.drift).toEqual([]);
  });

  test('asked again is the kernel’s to answer, until its row has gone', async () => {
    await ask(far.addresses[0]!);
    const written = h1.ops.length;
    await ask(far.addresses[0]!, 6);
    expect([heard.length, h1.ops.length]).toEqual([1, written]);
    const { fdb } = await h1.kernel.observe(scopeOf(h1.state));
    const row = [...fdb.values()].find(({ mac }) => mac === far.mac)!;
    await h1.kernel.apply([{ verb: 'delete', object: row }], scopeOf(h1.state));
    await ask(far.addresses[0]!, 6);
    expect(heard).toHaveLength(2);
    expect(await rows()).toEqual(expect.arrayContaining(known(far)));
  });

  test('for nobody, a container of this host, or in another network is not answered', async () => {
    await ask('10.128.1.200');
    await ask(near.addresses[0]!);
    h1.kernel.miss({ missed: 'question', ns: overlay(), port: PORT, frame: new Uint8Array(7) });
    h1.kernel.miss({
      missed: 'question',
      ns: 'weft-other',
      port: PORT,
      frame: encodeArpRequest(ASKER, far.addresses[0]!),
    });
    const echo = { id: 1, sequence: 1, data: new Uint8Array(4) };
    const frame = encodeIcmpEcho('request', ASKER, { mac: far.mac, ip: far.addresses[0]! }, echo);
    h1.kernel.miss({ missed: 'question', ns: overlay(), port: PORT, frame });
    await cluster.settle();
    expect([heard, await rows()]).toEqual([[], []]);
  });

  test('in vain is answered at once when its endpoint comes, unless nobody waits any more', async () => {
    const request = cluster.agent('h3');
    await cluster.settle();
    await ask('10.128.1.200');
    await ask('10.128.1.201');
    await cluster.settle(4_000);
    await ask('10.128.1.201', 7);
    for (const ip of ['10.128.1.200', '10.128.1.201']) {
      request.attach('app', `/c-${ip}`, { addresses: [ip] });
      await cluster.settle();
    }
    expect(heard).toEqual([expect.stringMatching(/^7: .*10\.128\.1\.201/)]);
  });

  test('comes too often: the port is muted, others are heard', async () => {
    for (let i = 0; i < 300; i++)
      h1.kernel.miss({
        missed: 'question',
        ns: overlay(),
        port: PORT,
        frame: encodeArpRequest(ASKER, `10.128.2.${i % 250}`),
      });
    expect(h1.muted).toEqual([]);
    await cluster.settle();
    expect(h1.muted).toEqual([{ ns: overlay(), port: PORT }]);
    await ask(far.addresses[0]!);
    expect(heard).toHaveLength(0);
    await ask(far.addresses[0]!, 6);
    expect(heard).toHaveLength(1);
    await cluster.settle(1_000);
    await ask('10.128.2.251');
    expect(h1.muted).toHaveLength(1);
  });
});

test('a frame for a MAC without a row gets its row', async () => {
  h1.kernel.miss({ missed: 'mac', ns: overlay(), mac: far.mac });
  h1.kernel.miss({ missed: 'mac', ns: overlay(), mac: '02:00:00:00:00:99' as Mac });
  await cluster.settle();
  expect(await rows()).toEqual([`${far.mac} 10.99.0.2`]);
});

describe('a row that was asked for', () => {
  beforeEach(async () => {
    await ask(far.addresses[0]!);
  });

  test('is put right by a look and by its event, and goes with its endpoint', async () => {
    const { fdb, neighbour } = await h1.kernel.observe(scopeOf(h1.state));
    const row = [...fdb.values()].find(({ mac }) => mac === far.mac)!;
    const wrong: (Fdb | Neighbour)[] = [
      { ...row, dst: '203.0.113.66' as Fdb['dst'] },
      { ...[...neighbour.values()][0]!, mac: '02:66:66:66:66:66' as Mac },
      { ...row, mac: '02:66:66:66:66:66' as Mac },
    ];
    for (const object of wrong) await h1.kernel.apply([{ verb: 'add', object }], scopeOf(h1.state));
    await cluster.settle(1_000);
    expect((await rows()).sort()).toEqual(known(far).sort());
    h2.detach({ endpoint: far.id });
    await cluster.settle(1_000);
    expect(await rows()).toEqual([]);
  });

  test('leads where its endpoint has moved to', async () => {
    const { state } = cluster.controller;
    const moved = { ...state.snapshot.endpoints.get(far.id)!, host: cluster.agent('h3').state.host };
    await cluster.settle();
    h1.dispatch({
      event: 'heard',
      message: {
        message: 'delta',
        revision: state.snapshot.revision + 1,
        forgottenNetworks: [],
        changes: [
          {
            verb: 'put',
            record: { ...state.snapshot.hosts.get(far.host)!, ...state.snapshot.hosts.get(moved.host)! },
          },
          { verb: 'put', record: moved },
        ],
      },
    });
    await cluster.settle();
    expect(await rows()).toEqual(expect.arrayContaining(known(far, '10.99.0.3')));
    expect((await rows()).join()).not.toContain('10.99.0.2');
  });

  test('goes when nobody uses it, with what answers for it; and comes back when asked for', async () => {
    h1.kernel.idle = ({ mac }) => mac === far.mac;
    await cluster.settle(61_000);
    expect(await rows()).toEqual([]);
    h1.kernel.idle = () => false;
    await ask(far.addresses[0]!);
    expect([await rows(), heard.length]).toEqual([known(far), 2]);
  });

  test('outlives the agent, and is no drift to the next', async () => {
    h1.restart();
    await cluster.settle(5_000);
    expect([await rows(), await h1.pendingOps()]).toEqual([known(far), []]);
  });

  test('goes with a network that asks no more, and is not missed in one that begins to', async () => {
    const written = h1.ops.length;
    cluster.controller.grant({ wish: 'change-network', network: 'app', mode: 'static', force: true });
    await cluster.settle(20_000);
    expect(await rows()).toEqual(
      expect.arrayContaining([`${far.mac} 10.99.0.2`, '00:00:00:00:00:00 10.99.0.2']),
    );
    expect((await rows()).filter((row) => row.startsWith('10.128.'))).toEqual([]);
    expect(h1.ops.length).toBeGreaterThan(written);
  });
});
