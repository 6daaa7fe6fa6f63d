import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TUNNEL_MODES, type TunnelMode } from '#model/tunnel-mode.ts';
import { callOk } from '../world/api.ts';
import { KINDS, Station } from '../world/station.ts';
import { World } from '../world/world.ts';
import { buildIfStale, PROGRAM } from './lab-cli.ts';

/**
 * Five networks over three hosts, each of another mode. Three have the same subnet, and those of the others contain
 * it: every address is a neighbour on every wire, so that nothing but the tunnels keeps them apart.
 */
const HOSTS = ['h1', 'h2', 'h3'];
const MODES = TUNNEL_MODES.filter((mode) => mode !== 'p2p');
const SUBNETS: { readonly [mode in TunnelMode]?: readonly string[] } = {
  'on-demand': ['10.1.0.0/16', 'fd00:1::/56'],
  multicast: ['10.0.0.0/12', 'fd00:1::/52'],
};
const SAME_SUBNETS = ['10.1.0.0/24', 'fd00:1::/64'];

/** Without an all-zero row nothing is copied to all. */
const KINDS_ON_DEMAND = ['IPv4 unicast', 'IPv6 unicast'];

/** The first words to a new neighbour wait for ARP and ND, which are asked again after a second. */
const ROUNDS = 4;
const ROUND_MS = 700;

interface Place {
  readonly mode: TunnelMode;
  readonly host: string;
  readonly container: string;
  readonly addresses: readonly [ipv4: string, ipv6: string];
}
const places: Place[] = MODES.flatMap((mode, net) =>
  HOSTS.map((host, at) => {
    const number = 10 * (net + 1) + at + 1;
    return { mode, host, container: `${mode}-${host}`, addresses: [`10.1.0.${number}`, `fd00:1::${number}`] };
  }),
);

let world: World;
let stations: Station[] = [];

beforeAll(async () => {
  buildIfStale();
  world = new World({ program: PROGRAM, hosts: HOSTS });
  await world.startAll();
  for (const mode of MODES)
    await callOk(world.controllerSocket, 'ControllerService/CreateNetwork', {
      name: mode,
      mode,
      subnets: SUBNETS[mode] ?? SAME_SUBNETS,
    });
  const all = places.flatMap(({ addresses }) => addresses);
  for (const { mode, host, container, addresses } of places) {
    const namespace = world.addNamespace(container);
    const { ok, body } = await world.attachTo(host, container, mode, { addresses });
    if (!ok) throw new Error(`${JSON.stringify(body)}\n${world.logs()}`);
    const others = all.filter((address) => !addresses.includes(address));
    stations.push(new Station(namespace, container, addresses[0], others));
  }
  await Promise.all(stations.map((station) => station.ready()));
});
afterAll(async () => {
  await Promise.all(stations.map((station) => station.stop()));
  stations = [];
  await world?.remove();
});

/** Everybody speaks to everybody, some times; then what each has heard is exactly its own network. */
async function expectIsolation(): Promise<void> {
  for (const station of stations) station.forget();
  for (let round = 0; round < ROUNDS; round++) {
    for (const station of stations) station.speak();
    await sleep(ROUND_MS);
  }
  for (const [at, { mode, host, container }] of places.entries()) {
    const kinds = mode === 'on-demand' ? KINDS_ON_DEMAND : KINDS;
    const neighbours = HOSTS.filter((other) => other !== host).map((other) => `${mode}-${other}`);
    const expected = neighbours.flatMap((name) => kinds.map((kind) => `${name} ${kind}`)).sort();
    expect({ container, heard: await stations[at]!.heard() }).toEqual({ container, heard: expected });
  }
}

test('nothing crosses from one network to another', expectIsolation);

test('nor while the agents are dead, nor right after they are back', async () => {
  for (const agent of world.agents.values()) await agent.stop('SIGKILL');
  for (const agent of world.agents.values()) agent.start();
  await expectIsolation();
  for (const host of HOSTS) await world.untilConnected(host);
  await expectIsolation();
});
