import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TUNNEL_MODES, type TunnelMode } from '#model/tunnel-mode.ts';
import { call } from '../world/api.ts';
import { ChangingNetwork } from '../world/changing-network.ts';
import type { FlowReport } from '../world/flow.ts';
import { until } from '../world/world.ts';
import { buildIfStale } from './lab-cli.ts';

/** The tunnel of a running network is changed under 1,000 datagrams a second, each of which comes back. */

/** A way over every ordered pair, each once. */
function circle(modes: readonly TunnelMode[]): TunnelMode[] {
  const left = new Set(
    modes.flatMap((from) => modes.filter((to) => to !== from).map((to) => `${from} ${to}`)),
  );
  const back: TunnelMode[] = [];
  const way: TunnelMode[] = [modes[0]!];
  // Hierholzer's: into dead ends, which are then parts of the way back.
  for (let at = way.at(-1); at; at = way.at(-1)) {
    const next = modes.find((to) => left.delete(`${at} ${to}`));
    if (next) way.push(next);
    else back.unshift(way.pop()!);
  }
  return back;
}
const WAY = circle(TUNNEL_MODES);

/** What another's flood pushed out of the machine's queues is not ours; where nobody floods that is nothing. */
function expectNoLoss(seen: readonly FlowReport[], overflow: number): void {
  for (const { lost } of seen) expect(lost).toBeLessThanOrEqual(Math.min(overflow, 5));
}

/** Every host has one, and like this: what is over is taken away behind the answer. */
const untilTunnelsAre = (field: 'id' | 'port' | 'group', value: unknown) =>
  until(`the tunnel of every host has ${field} ${value}`, async () => {
    for (const host of ['h1', 'h2'])
      expect(net.tunnelsOn(host).map(({ linkinfo }) => linkinfo.info_data[field])).toEqual([value]);
    return true;
  });

let net: ChangingNetwork;
beforeAll(async () => {
  buildIfStale();
  net = await ChangingNetwork.start(WAY[0]!);
});
afterAll(() => net?.remove());

describe.sequential('every ordered pair of modes', () => {
  test.each(WAY.slice(1).map((to, i) => [WAY[i]!, to] as const))('%s → %s', async (_, to) => {
    const { end, seen, overflow } = await net.change('set-mode', 'red', to);
    expect(end.outcome).toBe('changed');
    expect(end.hosts.map(({ host, state }) => [host, state])).toEqual([
      ['h1', 'done'],
      ['h2', 'done'],
    ]);
    // A thousand a second: on a quick machine a change takes less than half of one.
    for (const { sent } of seen) expect(sent).toBeGreaterThan(100);
    expectNoLoss(seen, overflow);
    expect(end.longestLossMs).toBe(0);
    await untilTunnelsAre('id', 0x100000);
  });
});

describe.sequential('without loss', () => {
  test('the UDP port, there and back', async () => {
    for (const port of [4790, 4789]) {
      const { end, seen, overflow } = await net.change('set', 'red', '--port', `${port}`);
      expect(end).toMatchObject({ outcome: 'changed', longestLossMs: 0 });
      expectNoLoss(seen, overflow);
      await untilTunnelsAre('port', port);
    }
  });

  test('the mode, together with the UDP port', async () => {
    const { mode: from } = await net.record();
    const to = from === 'proxy' ? 'flood' : 'proxy';
    const { end, seen, overflow } = await net.change('set', 'red', '--mode', to, '--port', '4791');
    expect(end).toMatchObject({ outcome: 'changed', longestLossMs: 0 });
    expectNoLoss(seen, overflow);
  });

  test('the multicast group', async () => {
    await net.change('set-mode', 'red', 'multicast', '--group', '239.1.1.1');
    const { end, seen, overflow } = await net.change('set', 'red', '--group', '239.1.1.2');
    expect(end).toMatchObject({ outcome: 'changed', longestLossMs: 0 });
    expectNoLoss(seen, overflow);
    await untilTunnelsAre('group', '239.1.1.2');
    expect((await net.command('set-mode', 'red', 'flood', '--group', '239.1.1.3')).code).toBe(2);
  });

  test('the MTU, smaller and larger', async () => {
    for (const mtu of [1400, 1450]) {
      const { seen, overflow } = await net.change('set', 'red', '--mtu', `${mtu}`);
      expectNoLoss(seen, overflow);
      expect(net.tunnelsOn('h1').map((link) => link.mtu)).toEqual([mtu]);
    }
  });

  test('the TTL', async () => {
    const { seen, overflow } = await net.change('set', 'red', '--ttl', '9');
    expectNoLoss(seen, overflow);
    expect(net.tunnelsOn('h2').map(({ linkinfo }) => linkinfo.info_data.ttl)).toEqual([9]);
  });
});

describe.sequential('what is not done', () => {
  test('a dry run shows every step of every host and what is expected to be lost', async () => {
    await net.change('set', 'red', '--mode', 'static');
    const before = await net.record();
    const { code, stdout } = await net.command('set-mode', 'red', 'proxy', '--dry-run');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^# h1: \d+ commands$/m);
    expect(stdout).toMatch(/# 2: goes over, when every host has done the above\n(.*\n)*# 3: makes ready/);
    expect(stdout).toMatch(/^ip -n weft-\S+ link del dev vxlan0$/m);
    expect(stdout).toContain('# nothing is expected to be lost');
    expect(await net.record()).toEqual(before);
  });

  test.each([
    [['set', 'red'], 2, 'says not what to change'],
    [['set-mode', 'red', 'magic'], 2, 'mode "magic": is not known'],
    [['set', 'red', '--port', 'x'], 2, 'port "x": is not a plain number'],
    [['set', 'red', '--port', '70000', '--ttl', '0'], 2, 'ttl "0"'],
    [['set', 'red', '--mtu', '1480'], 4, 'is more than fits through'],
    [['set', 'red', '--mtu', '68'], 2, 'mtu "68": is not a whole number from 576'],
    [['set', 'red', '--group', '239.1.1.1'], 2, 'group "239.1.1.1": makes no sense in mode static'],
    [['set-mode', 'red', 'multicast', '--group', '224.0.0.1'], 2, 'group "224.0.0.1": is in 224.0.0.0/24'],
    [['set-mode', 'red', 'multicast', '--group', 'ff18::1'], 2, 'is not of the underlay’s family, IPv4'],
    [['set-mode', 'red', 'flood', 'x'], 2, 'too many arguments'],
    [['set-mode', 'blue', 'flood'], 3, 'there is no such network'],
  ] as const)('%j', async (args, exit, text) => {
    const before = await net.world.records();
    const { code, stdout, stderr } = await net.command(...args);
    expect([code, stderr]).toEqual([exit, expect.stringContaining(text)]);
    expect(stdout).toBe('');
    expect(await net.world.records()).toEqual(before);
  });

  test('what is so already', async () => {
    const { mode } = await net.record();
    expect(await net.command('set-mode', 'red', mode)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('is so already'),
    });
  });

  test('a second change while one is under way', async () => {
    const set = (ttl: number) =>
      call(net.world.controllerSocket, 'ControllerService/ChangeNetwork', { network: 'red', ttl });
    const [first, second] = await Promise.all([set(20), set(30)]);
    expect(first.ok).toBe(true);
    expect(second).toMatchObject({
      ok: false,
      body: { message: expect.stringContaining('is being changed (phase prepare)') },
    });
  });
});
