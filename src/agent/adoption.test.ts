import { beforeEach, describe, expect, test } from 'vitest';
import type { InterfaceAddress } from '#model/cidr.ts';
import { isRejection } from '#model/fault.ts';
import { isFilter } from '#model/filter.ts';
import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';
import { renderObject } from '#model/render-kernel.ts';
import type { Wish } from '#model/wish.ts';
import { type TestAgent, TestCluster } from './test-cluster.ts';

let cluster: TestCluster;
let agents: Record<'h1' | 'h2' | 'h3', TestAgent>;
const BRIDGE_MAC = '02:42:00:00:00:01' as Mac;
const MAC = '02:42:ac:12:00:02' as Mac;
const station = (mac: Mac = MAC, ip = '172.18.0.2') => ({ mac, addresses: [ip as Ip] });

beforeEach(async () => {
  cluster = new TestCluster();
  agents = { h1: cluster.agent('h1'), h2: cluster.agent('h2'), h3: cluster.agent('h3') };
  await cluster.settle();
  for (const agent of Object.values(agents)) makeBridge(agent);
  for (const host of ['h1', 'h2', 'h3'])
    wish({ wish: 'adopt-bridge', host, bridge: 'br-1', network: 'shared' });
  await cluster.settle();
});

const makeBridge = ({ kernel }: TestAgent) =>
  kernel.addHostBridge('br-1', BRIDGE_MAC, [
    { kind: 'address', ns: '', dev: 'br-1', address: '172.18.0.1/16' as InterfaceAddress },
  ]);

function wish(words: Wish): void {
  const answer = cluster.controller.ask(words, { role: 'operator', name: 'test' });
  if (isRejection(answer)) throw new Error(JSON.stringify(answer.faults));
}

/** Where a host sends frames to that MAC: to those members that have no more. */
const wayTo = async (agent: TestAgent, mac: Mac): Promise<string[]> =>
  (await agent.objects()).flatMap((each) =>
    each.kind === 'fdb' && each.mac === mac ? (each.dst ?? []) : [],
  );

const noticesOf = ({ state }: TestAgent): string[] => (state.status?.notices ?? []).map(({ code }) => code);
const at = (name: string): string => `10.99.0.${name.slice(1)}`;

/** The controller is heard all the while. */
async function pass(seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left--) {
    cluster.controller.dispatch({ event: 'tick' });
    await cluster.settle(1_000);
  }
}

/** Something has happened in the host's own namespace. */
const stir = (agent: TestAgent) =>
  agent.dispatch({ event: 'kernel-changed', changes: [{ dirty: 'namespace', ns: '' }] });

async function appears(host: keyof typeof agents, ...stations: ReturnType<typeof station>[]): Promise<void> {
  agents[host].kernel.setStations('br-1', stations);
  stir(agents[host]);
  await pass(3);
}

test('the bridge has one more port, and its host’s own address is kept from it', async () => {
  const objects = await agents.h1.objects();
  const link = objects.find((each) => each.kind === 'link' && each.name.startsWith('wfx'));
  expect(link).toMatchObject({
    ns: '',
    master: 'br-1',
    mac: BRIDGE_MAC,
    mtu: 1500,
    port: { learning: true },
  });
  const guards = objects.flatMap((each) => (each.kind === 'chain' ? each.rules.map(({ text }) => text) : []));
  expect(guards).toContain('meta protocol 0x0800 ip saddr 172.18.0.1 drop');
  expect(await agents.h1.pendingOps()).toEqual([]);
});

test('disowned, nothing of ours is left', async () => {
  wish({ wish: 'disown-bridge', host: 'h1', bridge: 'br-1' });
  await cluster.settle();
  expect(await agents.h1.objects()).toEqual([]);
});

test('with an old view nothing is disowned', async () => {
  agents.h1.cut();
  wish({ wish: 'disown-bridge', host: 'h1', bridge: 'br-1' });
  agents.h1.restart();
  await pass(5);
  expect((await agents.h1.objects()).some(({ kind }) => kind === 'chain')).toBe(true);
});

describe('a bridge that its owner removes', () => {
  test('is named, and joined again when it is back', async () => {
    agents.h1.kernel.removeHostLink('br-1');
    stir(agents.h1);
    await pass(1);
    expect(noticesOf(agents.h1)).toContain('adopted-bridge-missing');
    expect((await agents.h1.objects()).filter((object) => !isFilter(object))).toEqual([]);
    makeBridge(agents.h1);
    stir(agents.h1);
    await pass(1);
    expect(noticesOf(agents.h1)).not.toContain('adopted-bridge-missing');
    expect((await agents.h1.objects()).flatMap(renderObject).join()).toContain('master br-1');
  });

  test('has nobody behind it any more, at once', async () => {
    await appears('h1', station());
    expect(await wayTo(agents.h2, MAC)).toEqual([at('h1')]);
    agents.h1.kernel.removeHostLink('br-1');
    stir(agents.h1);
    await pass(3);
    expect(await wayTo(agents.h2, MAC)).toEqual([]);
  });

  test('is not said to be crossed by what the firewall drops', async () => {
    agents.h1.survey.filters.push({ family: 4, rules: ['-P FORWARD DROP'] });
    await pass(30);
    expect(noticesOf(agents.h1)).toEqual(['adopted-filtered']);
    agents.h1.kernel.removeHostLink('br-1');
    stir(agents.h1);
    await pass(1);
    expect(noticesOf(agents.h1)).toEqual(['adopted-bridge-missing']);
  });
});

describe('who is behind a bridge', () => {
  test('is sent to that host alone', async () => {
    await appears('h1', station());
    expect(await wayTo(agents.h2, MAC)).toEqual([at('h1')]);
    expect(await wayTo(agents.h1, MAC)).toEqual([]);
  });

  test('is looked for where he appeared last, also when the old host says so still, and back again', async () => {
    await appears('h1', station());
    await appears('h2', station());
    expect(await wayTo(agents.h3, MAC)).toEqual([at('h2')]);
    await appears('h1');
    await appears('h1', station());
    await pass(12);
    await appears('h1');
    await appears('h1', station());
    expect(await wayTo(agents.h3, MAC)).toEqual([at('h1')]);
  });

  test('is forgotten when nothing is seen of him for ten seconds', async () => {
    await appears('h1', station());
    await appears('h1');
    expect(await wayTo(agents.h2, MAC)).toEqual([at('h1')]);
    await pass(11);
    await pass(2);
    expect(await wayTo(agents.h2, MAC)).toEqual([]);
  });

  test('on two hosts for long, is named with both; with the same address, too', async () => {
    await appears('h1', station());
    await appears('h2', station('02:42:00:00:00:99' as Mac));
    expect(noticesOf(agents.h1)).not.toContain('adopted-clash');
    await pass(16);
    await pass(5);
    for (const host of ['h1', 'h2'] as const) expect(noticesOf(agents[host])).toContain('adopted-clash');
    expect(noticesOf(agents.h3)).not.toContain('adopted-clash');
    expect(agents.h1.state.status?.notices[0]?.sentence).toContain(
      '172.18.0.2 is behind br-1 of host h1 and br-1 of host h2',
    );
  });
});

test('who has an address of another host is told, however many bridges are adopted', async () => {
  for (const host of ['h1', 'h2'] as const) {
    agents[host].kernel.addHostBridge('br-2', '02:42:00:00:00:02' as Mac, []);
    wish({ wish: 'adopt-bridge', host, bridge: 'br-2', network: 'second' });
  }
  await cluster.settle();
  await appears('h1', station());
  await appears('h2', station('02:42:ac:12:00:99' as Mac));
  await pass(60);
  expect(noticesOf(agents.h1)).toContain('adopted-clash');
});
