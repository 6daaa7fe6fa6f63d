import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestHost, runForTest, type TestHost } from '../test-cli.ts';

let host: TestHost;
beforeEach(() => {
  host = createTestHost();
});
afterEach(() => host.close());

async function complete(...words: string[]): Promise<string[]> {
  const { code, stdout } = await host.run('__complete', '--', ...words);
  expect(code).toBe(0);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t')[0]!);
}

describe('the tree', () => {
  test('commands, without the hidden one', async () => {
    const commands = await complete('');
    expect(commands).toEqual(
      expect.arrayContaining(['network', 'endpoint', 'host', 'status', 'lab', 'completion']),
    );
    expect(commands).not.toContain('__complete');
    expect(await complete('network', 'c')).toEqual([
      ...['create', 'ls', 'inspect', 'set-mode', 'set', 'rm', 'adopt', 'disown'],
    ]);
  });

  test('what there is help on', async () => {
    expect(await complete('help', '')).toEqual(await complete(''));
    expect(await complete('help', 'network', '')).toEqual(await complete('network', ''));
  });

  test('options of the command, global ones included', async () => {
    const options = await complete('network', 'create', 'web', '--');
    expect(options).toEqual(expect.arrayContaining(['--subnet', '--dry-run', '--json', '--help']));
    expect(options).not.toContain('--namespace');
  });

  test('values of options', async () => {
    expect(await complete('network', 'create', '--mode', '')).toEqual([
      'p2p',
      'multicast',
      'flood',
      'static',
      'proxy',
      'on-demand',
    ]);
    expect(await complete('network', 'create', '--underlay', '')).toEqual(['ipv4', 'ipv6']);
    expect(await complete('network', 'set', 'web', '--port-security', '')).toEqual(['on', 'off']);
    expect(await complete('agent', '--log-level', '')).toContain('warn');
    expect(await complete('completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(await complete('--root', '')).toEqual([':files']);
    expect(await complete('agent', '--docker-socket', '')).toEqual([':files']);
    expect(await complete('endpoint', 'attach', '/proc/1/')).toEqual([':files']);
  });

  test('values of options in one word with them', async () => {
    expect(await complete('network', 'create', '--underlay=')).toEqual([
      '--underlay=ipv4',
      '--underlay=ipv6',
    ]);
    expect(await complete('network', 'create', '--dry-run=')).toContain('--dry-run');
    expect(await complete('--root=')).toEqual([':files']);
    expect(await complete('endpoint', 'attach', '--', '--name=x', '')).toEqual([]);
  });

  test('the agent runs by itself and has a command', async () => {
    expect(await complete('agent', '')).toEqual(['reset']);
    expect(await complete('agent', '--')).toContain('--underlay');
  });
});

describe('names', () => {
  const records = [
    { record: { case: 'network' as const, value: { id: 'n', name: 'web' } } },
    { record: { case: 'host' as const, value: { id: 'h', name: 'h1' } } },
    { record: { case: 'endpoint' as const, value: { id: 'e', name: 'shop' } } },
    { record: { case: 'endpoint' as const, value: { id: 'f', name: 'shop' } } },
  ];
  const listRecords = ({ kinds }: { kinds: string[] }) => ({
    records: records.filter(({ record }) => kinds.includes(record.case)),
  });

  test('come from whoever answers here', async () => {
    await host.serve('agent', { controller: { listRecords } });
    expect(await complete('network', 'inspect', '')).toEqual(['web']);
    expect(await complete('host', 'rm', '--dry-run', '')).toEqual(['h1']);
    expect(await complete('endpoint', 'detach', 's')).toEqual(['shop']);
    expect(await complete('endpoint', 'ls', '--network', '')).toEqual(['web']);
    expect(await complete('endpoint', 'attach', 'c1', '')).toEqual(['web']);
  });

  test('are asked of the controller that the line names', async () => {
    await host.serve('controller', { controller: { listRecords } });
    const socket = `unix://${host.root}/run/weft/controller.sock`;
    const words = ['__complete', '--', '--controller', socket, 'network', 'rm', ''];
    const { stdout } = await runForTest(words, { env: { WEFT_ROOT: '/nowhere' } });
    expect(stdout).toBe('web\tnetwork\n');
    const joined = ['__complete', '--', `--controller=${socket}`, 'network', 'rm', ''];
    expect(await runForTest(joined, { env: { WEFT_ROOT: '/nowhere' } })).toMatchObject({ stdout });
    expect(await host.run('__complete', '--', '--root=/nowhere', 'network', 'rm', '')).toMatchObject({
      stdout: '',
    });
  });

  test('nobody answers: nothing is offered, and nothing is said', async () => {
    expect(await host.run('__complete', '--', 'network', 'rm', '')).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });
});

/** Bash has ended words at ":" and "=", too; a stand-in for `weft` says what it hears. */
test('bash asks with the words that were typed', async () => {
  const { stdout } = await host.run('completion', 'bash');
  const typed = 'weft --controller https://10.0.0.1:7470 network s';
  const parts = 'weft --controller https : //10.0.0.1 : 7470 network s';
  const script = `
${stdout}
weft() { [[ "$*" == "__complete -- --controller https://10.0.0.1:7470 network s" ]] && echo "set	change"; }
COMP_LINE='${typed}' COMP_WORDS=(${parts}) COMP_CWORD=8
_weft && echo "\${COMPREPLY[@]}"
COMP_LINE='weft ' COMP_WORDS=(weft '') COMP_CWORD=1
weft() { [[ $# == 3 && "$1$2$3" == "__complete--" ]] && echo network; }
_weft && echo "\${COMPREPLY[@]}"
weft() { printf -- '--mode=%s\tmode\n' static proxy; }
COMP_LINE='weft network create --mode=' COMP_WORDS=(weft network create --mode =) COMP_CWORD=4
_weft; echo "\${COMPREPLY[@]}"
COMP_LINE='weft network create --mode=st' COMP_WORDS=(weft network create --mode = st) COMP_CWORD=5
_weft; echo "\${COMPREPLY[@]}"`;
  expect(spawnSync('bash', ['-c', script], { encoding: 'utf8' })).toMatchObject({
    stdout: 'set\nnetwork\nstatic proxy\nstatic\n',
    stderr: '',
  });
});

test.for(['bash', 'zsh', 'fish'])('%s takes its script', async (shell, { skip }) => {
  const { stdout } = await host.run('completion', shell);
  const file = `${host.root}/script`;
  fs.writeFileSync(file, stdout);
  const { error, status, stderr } = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') skip(`${shell} is not installed here`);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
