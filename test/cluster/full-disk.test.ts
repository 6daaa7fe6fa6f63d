import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { actualLines } from '../world/kernel-lines.ts';
import { untilSettled } from '../world/settled.ts';
import { SmallDisk } from '../world/small-disk.ts';
import { until, World } from '../world/world.ts';
import { buildIfStale, type Outcome, outcomeOf, PROGRAM, pings, startCommand } from './lab-cli.ts';

/** A full disk under the agent's or the controller's state: said plainly, nothing half done, and well again with room. */

const CONTAINERS = ['a1', 'a2', 'a3', 'a4', 'b1'];
let world: World;
let agentDisk: SmallDisk;
let controllerDisk: SmallDisk;

const all = () => CONTAINERS.map((name) => world.containerOf(name));
const settled = () => untilSettled(world, all());
const lines = () => actualLines(world.containerOf('h1'), world.overlaysOf('h1'), all().slice(0, 4));
const onHost = (...args: readonly string[]): Promise<Outcome> =>
  outcomeOf(startCommand([process.execPath, PROGRAM, ...args, '--root', world.rootOf('h1')]));
const attach = (name: string, network: string, ...options: readonly string[]) =>
  onHost('endpoint', 'attach', world.containerOf(name), network, '--name', name, ...options);
/** Some 6 KiB to write down. */
const MANY_ALIASES = Array.from({ length: 60 }, (_, i) => ['--alias', `a${i}`.padEnd(100, 'x')]).flat();
const names = async () => (await world.records()).endpoints.map(({ name }) => name).sort();

beforeAll(async () => {
  buildIfStale();
  world = new World({ program: PROGRAM, hosts: ['h1', 'h2'] });
  agentDisk = new SmallDisk(path.join(world.rootOf('h1'), 'var/lib/weft/agent'));
  controllerDisk = new SmallDisk(path.join(world.controllerRoot, 'var/lib/weft/controller'));
});
afterAll(() => world?.remove());
afterEach(() => {
  agentDisk.makeRoom();
  controllerDisk.makeRoom();
});

/**
 * Fills the disk, and then what a journal has beside the room that it keeps for what gives something back: something comes
 * and goes until that is refused. Gives the refusal.
 */
async function leaveNoRoom(disk: SmallDisk, come: () => Promise<Outcome>, go: () => Promise<Outcome>) {
  disk.fill();
  for (let tries = 0; tries < 60; tries++) {
    const outcome = await come();
    if (outcome.code !== 0) return outcome;
    expect(await go()).toMatchObject({ code: 0 });
  }
  throw new Error('there is always room');
}

const leaveNoRoomForAgent = () =>
  leaveNoRoom(
    agentDisk,
    () => attach('a4', 'red', ...MANY_ALIASES),
    () => onHost('endpoint', 'detach', 'a4'),
  );

const leaveNoRoomForController = () =>
  leaveNoRoom(
    controllerDisk,
    () => onHost('network', 'create', 'filler', '--subnet', '10.9.0.0/16'),
    () => onHost('network', 'rm', 'filler'),
  );

const SAYS_STORE = /cannot write its store: It was told: .*no space left/;
const NO_ROOM = /no space|disk is full|no room/i;

describe.sequential('with no room', () => {
  test('neither begins, and both say why', async () => {
    agentDisk.fill();
    controllerDisk.fill();
    for (const daemon of [world.controller, world.agent('h1')]) {
      daemon.start();
      expect(await daemon.ended()).toBe(1);
      expect(daemon.said()).toMatch(NO_ROOM);
      expect(daemon.said()).toMatch(/make room/);
    }
    agentDisk.makeRoom();
    controllerDisk.makeRoom();
    await world.startAll();
    for (const name of CONTAINERS) world.addNamespace(name);
    await world.createNetwork('red', '10.1.0.0/16', 'fd00:1::/64');
    await world.attachTo('h1', 'a1', 'red');
    // More to write down than the others.
    await world.attachTo('h1', 'a2', 'red', { aliases: ['x', 'y', 'z'].map((each) => each.repeat(100)) });
    await world.attachTo('h2', 'b1', 'red');
    await settled();
  });

  test('an attach is refused with the reason, and nothing of it is left', async () => {
    const before = lines();
    const { code, stderr } = await leaveNoRoomForAgent();
    expect(stderr).toMatch(NO_ROOM);
    expect(stderr).toMatch(/make room/);
    expect(code).toBe(5);
    // What was detached just before goes out of the kernel behind the answer.
    await until('nothing is left', async () => {
      expect(lines()).toEqual(before);
      return true;
    });
    await until('nobody has it', async () => (await names()).join() === 'a1,a2,b1');
    expect(await pings(world.containerOf('a1'), (await world.endpointOf('b1')).addresses[0]!)).toBe(true);
    agentDisk.makeRoom();
    expect((await attach('a3', 'red')).code).toBe(0);
    await settled();
  });

  test('a detach that the controller hears is done', async () => {
    await leaveNoRoomForAgent();
    expect(await onHost('endpoint', 'detach', 'a3')).toMatchObject({ code: 0 });
    await until('the controller has heard', async () => (await names()).join() === 'a1,a2,b1');
    agentDisk.makeRoom();
    await settled();
  });

  test('… and one that nobody else hears is remembered all the same', async () => {
    await leaveNoRoomForAgent();
    await world.controller.stop();
    await until('h1 has noticed', async () => !(await world.status('h1')).connected);
    const isThere = () => lines().some((line) => line.includes(world.containerOf('a2')));
    expect(isThere()).toBe(true);
    expect(await onHost('endpoint', 'detach', 'a2')).toMatchObject({ code: 0 });
    await until('it is gone', async () => !isThere());
    await world.agent('h1').stop('SIGKILL');
    world.agent('h1').start();
    await until('h1 is back', async () => (await onHost('status')).code !== 1);
    // It has looked by then, and would have made it again.
    await sleep(2_000);
    expect(isThere()).toBe(false);
    agentDisk.makeRoom();
    world.controller.start();
    await world.untilConnected('h1');
    await settled();
    expect(await names()).toEqual(['a1', 'b1']);
  });

  test('an agent starts on a full disk and keeps what it had', async () => {
    const before = lines();
    await world.agent('h1').stop('SIGKILL');
    agentDisk.fill();
    world.agent('h1').start();
    await world.untilConnected('h1');
    expect(lines()).toEqual(before);
    expect((await onHost('status')).code).not.toBe(1);
    agentDisk.makeRoom();
    expect((await attach('a2', 'red')).code).toBe(0);
    await settled();
  });

  test('the controller refuses to write, goes on reading and deleting, and writes again', async () => {
    await onHost('network', 'create', 'spare', '--subnet', '10.8.0.0/16');
    const { code, stderr } = await leaveNoRoomForController();
    expect(stderr).toMatch(NO_ROOM);
    expect(stderr).toMatch(/make room/);
    expect(code).toBe(5);
    expect((await onHost('network', 'ls')).stdout).toMatch(/red/);
    expect(await onHost('network', 'rm', 'spare')).toMatchObject({ code: 0 });
    // The host gives from its own block, and tells when it can.
    const attached = await attach('a3', 'red');
    expect(attached).toMatchObject({ code: 0 });
    expect(await names()).toEqual(['a1', 'a2', 'b1']);
    await until('it is said', async () => SAYS_STORE.test((await onHost('status')).stderr));
    controllerDisk.makeRoom();
    expect((await onHost('network', 'create', 'blue', '--subnet', '10.2.0.0/16')).code).toBe(0);
    await settled();
    await until('nothing is said of it', async () => !SAYS_STORE.test((await onHost('status')).stderr));
    expect(await names()).toEqual(['a1', 'a2', 'a3', 'b1']);
  });

  test('the controller starts again on a full disk', async () => {
    await world.controller.stop('SIGKILL');
    controllerDisk.fill();
    world.controller.start();
    await until('it reads', async () => /red/.test((await onHost('network', 'ls')).stdout));
    await world.untilConnected('h1');
    controllerDisk.makeRoom();
    expect((await attach('a4', 'blue')).code).toBe(0);
    await settled();
  });
});
