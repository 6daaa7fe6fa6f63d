import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { spawnMortal } from '#lab/machine/spawn-mortal.ts';
import { callOk } from '../world/api.ts';
import { ChangingNetwork } from '../world/changing-network.ts';
import { until } from '../world/world.ts';
import { buildIfStale } from './lab-cli.ts';

/** Who takes part in a change dies in its midst, or is away: it ends all the same, and everybody has it. */

let net: ChangingNetwork;
beforeAll(async () => {
  buildIfStale();
  net = await ChangingNetwork.start('flood');
});
afterAll(() => net?.remove());

let mode: 'proxy' | 'flood' = 'flood';
beforeEach(() => {
  mode = mode === 'flood' ? 'proxy' : 'flood';
});

/** Both hosts have the mode, all traffic flows, and no port stays isolated. */
async function untilChanged(limitMs = 45_000): Promise<void> {
  await until(
    'the change is over, and every host has it',
    async () => {
      if ((await net.record()).change) return false;
      const devices = ['h1', 'h2'].flatMap((host) => net.tunnelsOn(host));
      const proxies = devices.filter(({ linkinfo }) => linkinfo.info_data.proxy === true);
      return devices.length === 2 && proxies.length === (mode === 'proxy' ? 2 : 0);
    },
    limitMs,
  );
  for (const host of net.world.agents.keys()) await net.world.untilConnected(host);
  await until('all traffic flows', async () => (await net.seen()).every(({ lost }) => lost === 0));
}

/** Without a process, whose end may come when a phase is over. */
const begin = (words: object) =>
  callOk(net.world.controllerSocket, 'ControllerService/ChangeNetwork', { network: 'red', ...words });
const untilPhase = (phase: 'prepare' | 'switch') =>
  until(`phase ${phase}`, async () => (await net.record()).change?.phase === phase, 20_000, 5);

describe.sequential.each(['prepare', 'switch'] as const)('in phase %s', (phase) => {
  test('an agent is killed', async () => {
    await begin({ mode });
    await untilPhase(phase);
    await net.world.agent('h1').stop('SIGKILL');
    net.world.agent('h1').start();
    await untilChanged();
  });

  test('the controller is killed', async () => {
    await begin({ mode });
    await untilPhase(phase);
    await net.world.controller.stop('SIGKILL');
    net.world.controller.start();
    await untilChanged();
  });

  test('an agent and the controller are killed, with two devices in the bridge', async () => {
    const { port } = await net.record();
    await begin({ mode, port: port === 4789 ? 4790 : 4789 });
    await untilPhase(phase);
    await Promise.all([net.world.agent('h2').stop('SIGKILL'), net.world.controller.stop('SIGKILL')]);
    net.world.controller.start();
    net.world.agent('h2').start();
    await untilChanged();
  });
});

describe.sequential('a host that is away', () => {
  test('keeps the change from beginning, or is left behind and follows when it is back', async () => {
    await net.world.agent('h2').stop('SIGKILL');
    const wanted = ['set-mode', 'red', mode];
    await until(
      'the controller has noticed',
      async () => (await net.command(...wanted, '--dry-run')).code === 5,
    );
    const refused = await net.command(...wanted);
    expect([refused.code, refused.stderr]).toEqual([5, expect.stringContaining('host "h2": is away')]);
    expect((await net.record()).change).toBeUndefined();

    const { code, stdout } = await net.command(...wanted, '--force', '--json');
    expect([code, JSON.parse(stdout)]).toMatchObject([
      0,
      {
        outcome: 'changed',
        hosts: [
          { host: 'h1', state: 'done' },
          { host: 'h2', state: 'away' },
        ],
      },
    ]);
    net.world.agent('h2').start();
    await untilChanged();
    // It missed the way that loses nothing, and says for how long its tunnel was away.
    const { id } = await net.record();
    await until('h2 tells', async () => {
      const [outage] = (await net.world.status('h2')).status?.outages ?? [];
      return outage?.network === id && outage.durationMs > 0;
    });
  });

  test('and goes amid a change does not hold it up for ever', async () => {
    await begin({ mode });
    await net.world.agent('h2').stop('SIGKILL');
    await until('the others have changed', async () => !(await net.record()).change, 60_000);
    net.world.agent('h2').start();
    await untilChanged();
  });
});

test('what a host’s kernel refuses is taken back everywhere', async () => {
  const before = await net.record();
  const holder = spawnMortal(
    [
      ...['nsenter', `--net=/run/netns/${net.world.containerOf('h2')}`, process.execPath, '-e'],
      "require('dgram').createSocket('udp4').bind(4799, () => console.log('bound'))",
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await new Promise((resolve) => holder.stdout!.once('data', resolve));
  const { code, stdout } = await net.command('set', 'red', '--port', '4799');
  holder.kill('SIGKILL');
  expect([code, stdout]).toEqual([
    1,
    expect.stringContaining('is as it was: a host could not take the change'),
  ]);
  expect(stdout).toMatch(/^h2 refused: ip .* vxlan.*\(EADDRINUSE\)$/m);
  expect(await net.record()).toEqual(before);
  await until('nothing of it is left', async () =>
    ['h1', 'h2'].every((host) => net.tunnelsOn(host).length === 1),
  );
  await until('all traffic flows', async () => (await net.seen()).every(({ lost }) => lost === 0));
}, 120_000);
