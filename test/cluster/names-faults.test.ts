import { execFile } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '#lab/until.ts';
import { type Answer, type Asker, Names } from '../world/names.ts';
import { buildIfStale, PROGRAM, ROOT } from './lab-cli.ts';

/** Names while the processes that know them are killed, cut off and started again. */

/** The program, to be upgraded while it runs. */
const installed = path.join(ROOT, `.cache/installed-${process.pid}`);
let names: Names;
let fromWeb: Asker;
let ofDb: string[];
beforeAll(async () => {
  await buildIfStale();
  cpSync(path.dirname(PROGRAM), installed, { recursive: true });
  names = new Names(path.join(installed, path.basename(PROGRAM)));
  await names.start();
  await names.attach('h1', 'web');
  await names.attach('h2', 'db');
  ofDb = names.addressesOf('db', 4);
  fromWeb = await names.asker('web');
  await names.untilFound(fromWeb, 'db');
  await names.standIn('web');
});
afterAll(async () => {
  await names?.remove();
  rmSync(installed, { recursive: true, force: true });
});

/** Asks for a name of ours and one of the outside every few ms while something happens, and what came of it. */
async function askWhile(happens: () => Promise<void>): Promise<Map<string, number>> {
  const heard = new Map<string, number>();
  const count = (name: string, answer: Answer) => {
    const what = Array.isArray(answer) ? 'found' : `${name}: ${answer}`;
    heard.set(what, (heard.get(what) ?? 0) + 1);
  };
  let goesOn = true;
  const asking: Promise<void>[] = [];
  const all = (async () => {
    while (goesOn) {
      for (const name of ['db', 'outside.test'])
        asking.push(fromWeb.ask('A', name).then((answer) => count(name, answer)));
      await sleep(2);
    }
  })();
  await happens();
  goesOn = false;
  await all;
  await Promise.all(asking);
  return heard;
}

test('the agent is killed: not one look-up fails, until it is back and after', async () => {
  const pid = names.resolverOf('h1');
  const heard = await askWhile(async () => {
    await names.world.agent('h1').stop('SIGKILL');
    await sleep(1_000);
    names.world.agent('h1').start();
    await names.world.untilConnected('h1');
    await sleep(200);
  });
  expect(heard).toEqual(new Map([['found', heard.get('found')]]));
  expect(names.resolverOf('h1')).toBe(pid);
});

test('an upgrade: the next resolver takes the sockets over, and not one look-up is lost', async () => {
  const pid = names.resolverOf('h1');
  const pulse = await names.pulse('web', 5, 'db', 'outside.test');
  for (const file of readdirSync(installed).filter((name) => name.endsWith('.js'))) {
    const at = path.join(installed, file);
    writeFileSync(at, readFileSync(at, 'utf8').replace(/(PROGRAM_VERSION = )"[^"]+"/, '$1"99.0.0"'));
  }
  await names.world.agent('h1').stop('SIGTERM');
  names.world.agent('h1').start();
  await names.world.untilConnected('h1');
  await until('the old one has ended', async () => !existsSync(`/proc/${pid}`));
  await sleep(200);
  const { asked, answered, slowestMs, failed } = await pulse.stop();
  console.log(`${asked} look-ups during an upgrade, the slowest took ${slowestMs.toFixed(1)} ms`);
  expect({ answered, failed }).toEqual({ answered: asked, failed: {} });
  const next = names.resolverOf('h1');
  expect(next).not.toBe(pid);
  // Who comes later finds it.
  await names.world.agent('h1').stop('SIGKILL');
  names.world.agent('h1').start();
  await names.world.untilConnected('h1');
  await names.untilFound(fromWeb, 'db');
  expect(names.resolverOf('h1')).toBe(next);
});

test('the resolver is killed: what is asked meanwhile waits for the next one', async () => {
  const pid = names.resolverOf('h1');
  const listeners = names.listenersIn('web');
  const pulse = await names.pulse('web', 10, 'db', 'outside.test');
  await sleep(300);
  process.kill(pid, 'SIGKILL');
  await until('there is another', async () => names.resolverOf('h1') !== pid);
  await sleep(500);
  const { asked, answered, slowestMs, failed } = await pulse.stop();
  console.log(
    `${answered} of ${asked} look-ups over a kill -9, the slowest took ${slowestMs.toFixed(1)} ms`,
    failed,
  );
  // What it had read and not answered it took along.
  const lost = (name: string) => failed[`${name}: lost`] ?? 0;
  expect(Object.keys(failed).filter((what) => !what.endsWith(': lost'))).toEqual([]);
  expect(lost('db') + lost('outside.test')).toBeLessThan(10);
  expect(names.listenersIn('web')).toEqual(listeners);
});

test('a container that goes is let go of by the agent, too, which holds its sockets', async () => {
  await names.attach('h1', 'brief');
  await until('it is served', async () => names.listenersIn('brief').length === 2);
  // It is told of them together with others'.
  await sleep(300);
  await names.detach('h1', 'brief');
  await until('nobody listens', async () => names.listenersIn('brief').length === 0, 2_000);
});

describe('with the controller away', () => {
  beforeAll(() => names.world.controller.stop('SIGKILL'));
  afterAll(async () => {
    names.world.controller.start();
    await names.world.untilConnected('h1');
    await names.world.untilConnected('h2');
    await until('unknown names are unknown', async () => (await fromWeb.ask('A', 'none')) === 'ENOTFOUND');
  });

  test('what is known is found; what is not may only be new, and is said to have failed', async () => {
    const isDoubted = async () => (await fromWeb.ask('A', 'none.app.weft.internal')) === 'ESERVFAIL';
    await until('the host says so', isDoubted);
    expect(await fromWeb.ask('A', 'none')).toBe('ESERVFAIL');
    expect(await fromWeb.ask('A', 'nowhere.test')).toBe('ENOTFOUND');
    expect(await fromWeb.ask('A', 'outside.test')).toEqual(['192.0.2.1']);
    expect(await fromWeb.ask('A', 'db')).toEqual(ofDb);
  });

  test('who comes and goes on this host is heard of', async () => {
    await names.attach('h1', 'late');
    await names.untilFound(fromWeb, 'late');
    await names.detach('h1', 'late');
    const isDoubted = async () => (await fromWeb.ask('A', 'late')) === 'ESERVFAIL';
    await until('it is gone', isDoubted, 1_000);
  });

  test('a restarted agent, whose view is old, takes no name away', async () => {
    await names.world.agent('h1').stop('SIGKILL');
    rmSync(`${names.world.rootOf('h1')}/var/lib/weft/agent/view`, { force: true });
    names.world.agent('h1').start();
    await names.world.untilAnswers('h1');
    await sleep(500);
    expect(await fromWeb.ask('A', 'db')).toEqual(ofDb);
  });
});

test('a namespace that is removed while nobody tells lets go of its sockets', async () => {
  await names.attach('h1', 'gone');
  await until('it is served', async () => names.listenersIn('gone').length === 2);
  const held = () => names.heldBy(names.resolverOf('h1'), 'gone');
  const namespace = held();
  expect(namespace.isHeld()).toBe(true);
  await names.world.agent('h1').stop('SIGKILL');
  names.world.removeNamespace(names.namespaceOf('gone'));
  await until('it is let go', async () => !namespace.isHeld(), 2_000);
  names.world.agent('h1').start();
  await names.world.untilConnected('h1');
  expect(await fromWeb.ask('A', 'db')).toEqual(ofDb);
});

test('the resolver is told to end: what was there before answers, by no rule of ours', async () => {
  await names.world.agent('h1').stop('SIGKILL');
  process.kill(names.resolverOf('h1'), 'SIGTERM');
  await until('no rule is left', async () => !names.nft('web', 'list ruleset').includes('weft'));
  // The stand-in's own.
  await until('it listens no more', async () => names.listenersIn('web').length === 2, 2_000);
  expect(await fromWeb.ask('A', 'outside.test')).toEqual(['192.0.2.1']);
  expect(await fromWeb.ask('A', 'db')).toBe('ENOTFOUND');
  names.world.agent('h1').start();
  await names.untilFound(fromWeb, 'db');
});

test('a reset without an agent takes the rules away', async () => {
  await names.attach('h2', 'left');
  await until('it is served', async () => names.nft('left', 'list ruleset').includes('names, udp'));
  await names.world.agent('h2').stop('SIGKILL');
  await promisify(execFile)(process.execPath, [
    ...[PROGRAM, 'agent', 'reset', '--yes', '--root', names.world.rootOf('h2')],
  ]);
  await until('the rule is gone', async () => names.nft('left', 'list ruleset') === '');
});
