import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lengthOfText } from '#store/journal-file.ts';
import { call } from '../world/api.ts';
import { until, World } from '../world/world.ts';
import { buildIfStale, PROGRAM } from './lab-cli.ts';

/** The controller killed with kill -9 while several users write: what one of them was told holds, and holds in order. */

const WRITERS = 4;
const LIVES = Number(process.env.LIVES ?? 12);

let world: World;
beforeAll(() => {
  buildIfStale();
  world = new World({ program: PROGRAM, hosts: [] });
});
afterAll(() => world?.remove());

/** What was answered, and what was asked for last and may or may not have been done. */
class Writer {
  private readonly name: string;
  private count = 0;
  /** Networks that were said to be made, and not said to be removed; and the revisions that were told. */
  readonly made = new Map<string, string>();
  readonly removed = new Set<string>();
  readonly revisions: number[] = [];
  /** Name of the network of the request that got no answer. */
  uncertain: string | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Makes networks, and removes every third again, until nobody answers. */
  async writeUntilKilled(): Promise<void> {
    this.uncertain = undefined;
    for (;;) {
      const name = `${this.name}-${++this.count}`;
      const request = { name, subnets: ['10.5.0.0/24'] };
      const { ok, body } = await call(world.controllerSocket, 'ControllerService/CreateNetwork', request);
      if (!ok) return this.giveUp(name, body);
      this.made.set(name, body.subject.network.id);
      this.revisions.push(Number(body.revision));
      if (this.count % 3 === 0 && !(await this.remove(`${this.name}-${this.count - 1}`))) return;
    }
  }

  private async remove(name: string): Promise<boolean> {
    if (!this.made.has(name)) return true;
    const { ok, body } = await call(world.controllerSocket, 'ControllerService/RemoveNetwork', {
      network: name,
    });
    this.made.delete(name);
    if (!ok) {
      this.giveUp(name, body);
      return false;
    }
    this.removed.add(name);
    this.revisions.push(Number(body.revision));
    return true;
  }

  /** Only a dead controller may leave a request without success. */
  private giveUp(name: string, { message }: { message: string }): void {
    expect(message).toMatch(/ECONNRESET|ECONNREFUSED|ENOENT|EPIPE|socket hang up/);
    this.uncertain = name;
  }
}

const writers = Array.from({ length: WRITERS }, (_, i) => new Writer(`w${i}`));
const told = (): number[] => writers.flatMap(({ revisions }) => revisions);
/** Networks whose making or removal was asked for in any life, and never answered. */
const uncertain = new Set<string>();

/** One life: begins with a look at what the ones before have left. */
async function startAndCompare(): Promise<void> {
  world.controller.start();
  await until('it answers', async () => (await call(world.controllerSocket, 'ControllerService/Hello')).ok);
  const { networks, revision } = await world.records();
  const made = new Map(networks.map(({ name, id }) => [name, id]));
  expect(new Set(told()).size).toBe(told().length);
  expect(revision).toBeGreaterThanOrEqual(Math.max(0, ...told()));
  for (const writer of writers) {
    for (const [name, id] of writer.made) expect(made.get(name), name).toBe(id);
    for (const name of writer.removed) expect(made.has(name), name).toBe(false);
  }
  // Nothing else, but for what was never answered.
  const known = new Set([...uncertain, ...writers.flatMap((writer) => [...writer.made.keys()])]);
  expect([...made.keys()].filter((name) => !known.has(name))).toEqual([]);
}

test('no acknowledged write is lost, over the wire too', async () => {
  for (let life = 0; life < LIVES; life++) {
    await startAndCompare();
    const before = told().length;
    const writing = Promise.all(writers.map((writer) => writer.writeUntilKilled()));
    // Else nothing is at stake.
    await until('something is acknowledged', async () => told().length > before, undefined, 1);
    await sleep((life * 37) % 100);
    await world.controller.stop('SIGKILL');
    await writing;
    for (const writer of writers) if (writer.uncertain) uncertain.add(writer.uncertain);
  }
  await startAndCompare();
  console.log(`${told().length} acknowledged writes in ${LIVES} lives of the controller, none lost`);
});

describe.sequential('killed in the midst of a write', () => {
  const journal = () => path.join(world.controllerRoot, 'var/lib/weft/controller/store/store.journal');

  test('it goes on without the line that was never whole, and nobody was told of', async () => {
    const { networks, revision } = await world.records();
    await world.controller.stop('SIGKILL');
    const file = readFileSync(journal());
    const end = lengthOfText(file);
    file.copy(file, end, end - 60, end - 30);
    writeFileSync(journal(), file);
    await startAndCompare();
    expect(await world.records()).toMatchObject({ networks, revision });
    await world.createNetwork('after-the-tail', '10.6.0.0/24');
    await world.controller.stop('SIGKILL');
    uncertain.add('after-the-tail');
    await startAndCompare();
    expect((await world.records()).networks.map(({ name }) => name)).toContain('after-the-tail');
  });

  test('a line that was acknowledged and is another by now is refused, said where, and left as it is', async () => {
    await world.controller.stop();
    const whole = readFileSync(journal());
    const broken = Buffer.from(whole);
    const middle = Math.floor(lengthOfText(whole) / 2);
    broken.writeUInt8(whole[middle]! ^ 1, middle);
    writeFileSync(journal(), broken);
    world.controller.start();
    expect(await world.controller.ended()).toBe(1);
    expect(world.controller.said()).toMatch(/store.journal: .*move .* away and restore it from a backup/s);
    expect(readFileSync(journal())).toEqual(broken);
    writeFileSync(journal(), whole);
    await startAndCompare();
  });
});
