import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TUNNEL_MODES, type TunnelMode } from '#model/tunnel-mode.ts';
import { callOk } from '../world/api.ts';
import { Flow, type FlowReport } from '../world/flow.ts';
import { kernelJson } from '../world/namespaces.ts';
import { World } from '../world/world.ts';
import { buildIfStale, type Outcome, PROGRAM, weft } from './lab-cli.ts';

/** The tunnel of a running network is changed under 1,000 datagrams a second, each of which comes back. */

/** Their devices differ in flags that cannot be changed on a live one. */
const RECREATED: ReadonlySet<TunnelMode> = new Set<TunnelMode>(['proxy']);
const isLossless = (from: TunnelMode, to: TunnelMode) =>
  from === to || !(RECREATED.has(from) || RECREATED.has(to));

let world: World;
const flows: Flow[] = [];

beforeAll(async () => {
  buildIfStale();
  world = new World({ program: PROGRAM, hosts: ['h1', 'h2'] });
  await world.startAll();
  const network = { name: 'red', subnets: ['10.1.0.0/16', 'fd00:1::/64'], mode: TUNNEL_MODES[0] };
  await callOk(world.controllerSocket, 'ControllerService/CreateNetwork', network);
  for (const [container, host] of [
    ['a', 'h1'],
    ['b', 'h2'],
  ] as const) {
    world.addNamespace(container);
    expect(await world.attachTo(host, container, 'red')).toMatchObject({ ok: true });
  }
  const { addresses } = await world.endpointOf('b');
  for (const address of addresses)
    flows.push(await Flow.start(world.containerOf('a'), world.containerOf('b'), address));
});
afterAll(async () => {
  for (const flow of flows) flow.stop();
  await world?.remove();
});

const change = (...args: readonly string[]): Promise<Outcome> =>
  weft(['network', ...args, '--root', world.rootOf('h1')]);

interface End {
  readonly outcome: string;
  readonly longestLossMs: number;
  readonly hosts: readonly { readonly host: string; readonly state: string; readonly lostMs?: number }[];
}

/** What the command says of it, and what the flows have seen. */
async function changed(...args: readonly string[]): Promise<{ end: End; seen: FlowReport[] }> {
  await reports();
  const { code, stdout, stderr } = await change(...args, '--json');
  if (code !== 0) throw new Error(`${stderr}${stdout}${world.logs()}`);
  return { end: JSON.parse(stdout), seen: await reports() };
}

const reports = (): Promise<FlowReport[]> => Promise.all(flows.map((flow) => flow.report()));

const tunnelOn = (host: string) => {
  const links = kernelJson<{
    ifname: string;
    mtu: number;
    linkinfo?: { info_kind?: string; info_data?: object };
  }>('ip', `${world.overlaysOf(host)}100000`, '-d', 'link');
  return links.filter(({ linkinfo }) => linkinfo?.info_kind === 'vxlan');
};

/** A way over every ordered pair, each once. */
const circle = (modes: readonly TunnelMode[]): TunnelMode[] => {
  const pairs = modes.flatMap((from) => modes.filter((to) => to !== from).map((to) => `${from} ${to}`));
  const way: TunnelMode[] = [modes[0]!];
  while (pairs.length > 0) {
    const at = way.at(-1)!;
    const next = modes.find((to) => pairs.includes(`${at} ${to}`) && canGoOn(pairs, `${at} ${to}`, to));
    if (!next) throw new Error(`no way on from ${at}`);
    pairs.splice(pairs.indexOf(`${at} ${next}`), 1);
    way.push(next);
  }
  return way;
};
/** Not into a dead end. */
const canGoOn = (pairs: readonly string[], taken: string, to: string) =>
  pairs.length === 1 || pairs.some((pair) => pair !== taken && pair.startsWith(`${to} `));

const WAY = circle(TUNNEL_MODES);

describe.sequential('every ordered pair of modes', () => {
  test.each(WAY.slice(1).map((to, i) => [WAY[i]!, to] as const))('%s → %s', async (from, to) => {
    const { end, seen } = await changed('set-mode', 'red', to);
    expect(end.outcome).toBe('changed');
    expect(end.hosts.map(({ host, state }) => [host, state])).toEqual([
      ['h1', 'done'],
      ['h2', 'done'],
    ]);
    for (const { lost, longestMs } of seen)
      if (isLossless(from, to)) expect(lost).toBe(0);
      else expect(longestMs).toBeLessThanOrEqual(100);
    if (isLossless(from, to)) expect(end.longestLossMs).toBe(0);
    else expect(end.longestLossMs).toBeGreaterThan(0);
  });
});

describe.sequential('without loss', () => {
  test('the UDP port, there and back', async () => {
    for (const port of [4790, 4789]) {
      const { end, seen } = await changed('set', 'red', '--port', `${port}`);
      expect(end).toMatchObject({ outcome: 'changed', longestLossMs: 0 });
      expect(seen.map(({ lost }) => lost)).toEqual([0, 0]);
      for (const host of ['h1', 'h2'])
        expect(tunnelOn(host).map(({ linkinfo }) => linkinfo!.info_data)).toEqual([
          expect.objectContaining({ port }),
        ]);
    }
  });

  test('the MTU, smaller and larger', async () => {
    for (const mtu of [1400, 1450]) {
      const { seen } = await changed('set', 'red', '--mtu', `${mtu}`);
      expect(seen.map(({ lost }) => lost)).toEqual([0, 0]);
      expect(tunnelOn('h1').map((link) => link.mtu)).toEqual([mtu]);
    }
  });

  test('the TTL', async () => {
    const { seen } = await changed('set', 'red', '--ttl', '9');
    expect(seen.map(({ lost }) => lost)).toEqual([0, 0]);
    expect(tunnelOn('h2').map(({ linkinfo }) => linkinfo!.info_data)).toEqual([
      expect.objectContaining({ ttl: 9 }),
    ]);
  });
});
