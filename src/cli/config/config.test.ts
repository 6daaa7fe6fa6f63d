import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentConfig } from '#agent/config.ts';
import type { ControllerConfig } from '#controller/config.ts';
import { createTestHost, runForTest, type TestHost } from '../test-cli.ts';

let host: TestHost;
beforeEach(() => {
  host = createTestHost();
});
afterEach(() => host.close());

function writeConfig(role: 'agent' | 'controller', text: string): string {
  const file = path.join(host.root, 'etc/weft', `${role}.yaml`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  return file;
}

/** Runs `weft agent` or `weft controller` up to the point where the process would begin. */
async function start(args: readonly string[], env: Record<string, string> = {}) {
  const configs: (AgentConfig | ControllerConfig)[] = [];
  const keep = async (config: AgentConfig | ControllerConfig) => {
    configs.push(config);
  };
  const world = { env: { WEFT_ROOT: host.root, ...env }, runAgent: keep, runController: keep };
  return { ...(await runForTest(args, world)), config: configs[0] };
}

describe('precedence', () => {
  test('everything has a default', async () => {
    const { config, code } = await start(['controller']);
    expect(code).toBe(0);
    expect(config).toEqual({
      root: host.root,
      listen: [`unix://${host.root}/run/weft/controller.sock`],
      pools: { ipv4: '10.128.0.0/9', ipv4PrefixLength: 20 },
      logLevel: 'info',
    });
  });

  test('a flag beats the environment, which beats the file, which beats the default', async () => {
    writeConfig('agent', 'log-level: error\nname: from-file\nunderlay: eth5\n');
    const env = { WEFT_LOG_LEVEL: 'warn', WEFT_NAME: 'from-env' };
    const { config } = await start(['agent', '--log-level', 'debug'], env);
    expect(config).toMatchObject({
      logLevel: 'debug',
      name: 'from-env',
      underlay: 'eth5',
      controller: `unix://${host.root}/run/weft/controller.sock`,
    });
  });

  test('Docker finds its drivers where it looks for them; of an agent with a root of its own, nowhere', async () => {
    const pluginOf = async (...args: string[]) =>
      ((await start(['agent', '--name', 'h1', ...args])).config as AgentConfig).dockerPlugin;
    const socket = '/run/docker/plugins/weft.sock';
    expect(await pluginOf('--root', '/')).toBe(socket);
    expect(await pluginOf('--root', '/', '--docker-plugin', 'off')).toBeUndefined();
    expect(await pluginOf()).toBeUndefined();
    expect(await pluginOf('--docker-plugin', socket)).toBe(socket);
    const { code, stderr } = await start([
      'agent',
      '--name',
      'h1',
      '--docker-plugin',
      '/run/docker/other.sock',
    ]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`give ${socket}, or off`)]);
  });

  test('an empty variable is as good as none', async () => {
    const { config } = await start(['agent', '--name', 'h1'], { WEFT_LOG_LEVEL: '' });
    expect(config).toMatchObject({ logLevel: 'info' });
  });

  test('lists and labels come in the form of each source', async () => {
    const listen = ['unix:///run/a.sock', 'http://127.0.0.1:7470'];
    writeConfig('controller', `listen: [${listen.join(', ')}]\n`);
    const socket = `unix://${host.root}/run/weft/controller.sock`;
    expect((await start(['controller'])).config).toMatchObject({ listen: [socket, ...listen] });
    const fromEnvironment = await start(['controller'], { WEFT_LISTEN: listen.join(',') });
    expect(fromEnvironment.config).toMatchObject({ listen: [socket, ...listen] });
    const fromFlags = await start(['controller', '--listen', listen[0]!, '--listen', listen[1]!]);
    expect(fromFlags.config).toMatchObject({ listen: [socket, ...listen] });

    writeConfig('agent', 'name: h1\nlabel: {zone: a, rack: 7}\n');
    expect((await start(['agent'])).config).toMatchObject({ labels: { zone: 'a', rack: '7' } });
    const labelled = await start(['agent', '--label', 'zone=b', '--label', 'note=x=y']);
    expect(labelled.config).toMatchObject({ labels: { zone: 'b', note: 'x=y' } });
  });

  test('what looks like a number is what was typed', async () => {
    writeConfig('agent', 'name: 007\nlabel: {version: 1.10, serial: 12345678901234567890, ready: True}\n');
    const labels = { version: '1.10', serial: '12345678901234567890', ready: 'True' };
    expect((await start(['agent'])).config).toMatchObject({ name: '007', labels });
  });

  test('the root of paths is absolute, whatever was typed', async () => {
    const { config } = await start(['controller', '--root', 'here/']);
    expect(config?.root).toBe(path.resolve('here'));
  });
});

describe('faults', () => {
  test('an unknown key names file, line and the nearest known one', async () => {
    const file = writeConfig('controller', '# a comment\nlog-level: info\npool-ip4: 10.0.0.0/8\n');
    const { code, stderr, config } = await start(['controller']);
    expect(code).toBe(2);
    expect(config).toBeUndefined();
    expect(stderr).toBe(
      `error: pool-ip4 "10.0.0.0/8": is not a known key (${file}, line 3)\n  fix: did you mean pool-ipv4?\n`,
    );
  });

  test('a key like nothing at all lists what there is', async () => {
    writeConfig('controller', 'bananas: 3\n');
    expect((await start(['controller'])).stderr).toContain('known are listen, pool-ipv4,');
  });

  test('broken YAML names the line', async () => {
    const file = writeConfig('agent', 'name: h1\nlabel: {zone: a\n');
    const { code, stderr } = await start(['agent']);
    expect(code).toBe(2);
    expect(stderr).toContain(`error: config "${file}": line `);
    expect(stderr).toContain('fix: correct the YAML');
  });

  test('a star that YAML takes for an alias names the line, and what to write', async () => {
    const file = writeConfig('controller', 'log-level: info\nlisten: *:7470\n');
    const { code, stderr } = await start(['controller']);
    expect(code).toBe(2);
    expect(stderr).toBe(
      `error: config "${file}": line 2: *:7470 is no anchor of this file\n  fix: put it in quotes: "*:7470"\n`,
    );
  });

  test('aliases that stand for too much, or for themselves, are refused by what they are', async () => {
    const ten = (item: string) => `[${Array(10).fill(item).join(', ')}]`;
    const bomb = [`a: &a ${ten('x')}`, `b: &b ${ten('*a')}`, `c: &c ${ten('*b')}`, `name: ${ten('*c')}`];
    const file = writeConfig('agent', `${bomb.join('\n')}\n`);
    expect(await start(['agent'])).toMatchObject({
      code: 2,
      stderr: `error: config "${file}": has aliases (*NAME) that stand for aliases, and all together for too much\n  fix: write the values themselves, without &NAME and *NAME\n`,
    });
    writeConfig('agent', 'name: h1\nlabel: &all [zone=a, *all]\n');
    expect(await start(['agent'])).toMatchObject({
      code: 2,
      stderr: `error: config "${file}": line 2: *all is within what it stands for\n  fix: write the value itself\n`,
    });
    writeConfig('agent', 'name: &name h1\nunderlay: *name\n');
    expect((await start(['agent'])).config).toMatchObject({ name: 'h1', underlay: 'h1' });
  });

  test.each([
    ['a list', '- a\n'],
    ['a word', 'hello\n'],
  ])('%s instead of settings', async (_, text) => {
    writeConfig('agent', text);
    expect(await start(['agent'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is no map of settings'),
    });
  });

  test('an empty file is fine', async () => {
    writeConfig('agent', '# nothing yet\n');
    expect(await start(['agent', '--name', 'h1'])).toMatchObject({ code: 0 });
  });

  test('a file that was named must be there', async () => {
    const { code, stderr } = await start(['agent', '--config', '/nowhere/agent.yaml']);
    expect(code).toBe(2);
    expect(stderr).toContain('error: config "/nowhere/agent.yaml": does not exist');
  });

  test('a link to a disk that is not mounted is no missing file', async () => {
    const file = writeConfig('agent', '');
    fs.rmSync(file);
    fs.symlinkSync('/nowhere/agent.yaml', file);
    const { stderr, code, config } = await start(['agent', '--name', 'h1']);
    expect([code, config]).toEqual([2, undefined]);
    expect(stderr).toContain(`config "${file}": is a link that leads nowhere`);
  });

  test('all faults of all sources come at once, each by its own name', async () => {
    const file = writeConfig('controller', 'log-level: loud\npool-ipv6: 10.0.0.0/8\n');
    const { code, stderr } = await start(['controller', '--listen', 'tcp://x'], {
      WEFT_POOL_IPV4: '10.0.0.5/8',
    });
    expect(code).toBe(2);
    expect(stderr).toContain('error: --listen "tcp://x": is not an address');
    expect(stderr).toContain('error: WEFT_POOL_IPV4 "10.0.0.5/8": has bits set to the right of its prefix');
    expect(stderr).toContain(`error: log-level "loud": is not known (${file}, line 1)`);
    expect(stderr).toContain(`error: pool-ipv6 "10.0.0.0/8": is not IPv6 (${file}, line 2)`);
    expect(stderr.match(/fix: /g)).toHaveLength(4);
  });

  test('a pool is not of what no network may have', async () => {
    const pools = ['--pool-ipv4', '240.0.0.0/8', '--pool-ipv6', 'fd77:6566:7400::/48'];
    const { code, stderr } = await start(['controller', ...pools]);
    expect(code).toBe(2);
    expect(stderr).toContain('pool-ipv4 "240.0.0.0/8": overlaps 240.0.0.0/7 (Weft’s own');
    expect(stderr).toContain('pool-ipv6 "fd77:6566:7400::/48": overlaps fd77:6566:7400::/64 (Weft’s own');
  });

  test('a pool holds at least one subnet', async () => {
    const { code, stderr } = await start(['controller', '--pool-ipv4', '192.168.0.0/24']);
    expect(code).toBe(2);
    expect(stderr).toContain('pool-ipv4 "192.168.0.0/24": holds no subnet of /20');
    const fits = await start([
      'controller',
      '--pool-ipv4',
      '192.168.0.0/24',
      '--pool-ipv4-prefix-length',
      '26',
    ]);
    expect(fits.config).toMatchObject({ pools: { ipv4: '192.168.0.0/24', ipv4PrefixLength: 26 } });
  });

  test('https needs all three files, readable', async () => {
    const https = ['agent', '--name', 'h1', '--controller', 'https://10.0.0.1'];
    const none = await start(https);
    expect(none.code).toBe(2);
    expect(none.stderr.match(/is missing for https:/g)).toHaveLength(3);
    const unreadable = await start([...https, '--tls-cert', '/nowhere', '--tls-key', host.root]);
    expect(unreadable.stderr).toContain('--tls-cert "/nowhere": cannot be read');
    expect(unreadable.stderr).toContain(`--tls-key "${host.root}": is not a file`);
  });

  test.each([['zone'], ['=a']])('a label "%s" is none', async (label) => {
    const { code, stderr } = await start(['agent', '--label', label]);
    expect(code).toBe(2);
    expect(stderr).toContain('--label');
  });

  test('keys that mean something to JavaScript are just unknown keys', async () => {
    writeConfig('agent', '__proto__: {polluted: yes}\nconstructor: 1\n');
    const { code } = await start(['agent']);
    expect(code).toBe(2);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
