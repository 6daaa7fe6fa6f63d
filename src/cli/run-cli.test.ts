import fs from 'node:fs';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rejectionToError } from '#api/rejection.ts';
import { fault, type RejectionReason, reject } from '#model/fault.ts';
import { agentPaths } from '#model/paths.ts';
import { EXIT_CODES } from './exit-code.ts';
import { createTestHost, runForTest, type TestHost } from './test-cli.ts';

let host: TestHost;
beforeEach(() => {
  host = createTestHost();
});
afterEach(() => host.close());

describe('usage', () => {
  test('an unknown command or option says what was probably meant', async () => {
    expect(await runForTest(['netwrok'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'error: command "netwrok": is not known\n  fix: did you mean network?\n',
    });
    expect(await runForTest(['help', 'netwrok'])).toEqual(await runForTest(['netwrok']));
    expect((await runForTest(['network', 'create', 'web', '--sbunet', 'x'])).stderr).toBe(
      'error: option "--sbunet": is not known\n  fix: did you mean --subnet?\n',
    );
  });

  test.each([
    [['network', 'create'], "missing required argument 'name'", 'weft network create --help'],
    [['--root', '/x', 'network', 'create'], "missing required argument 'name'", 'weft network create --help'],
    [['network', 'rm', 'a', 'b'], 'too many arguments', 'weft network rm --help'],
    [
      ['network', 'create', 'a', '--vni'],
      "option '--vni <number>' argument missing",
      'weft network create --help',
    ],
    [['completion', 'tcsh'], 'shell "tcsh": has no completion', 'bash, zsh, fish'],
  ])('%j', async (args, problem, fix) => {
    const { code, stderr } = await runForTest(args);
    expect(code).toBe(2);
    expect(stderr).toContain(problem);
    expect(stderr).toContain(fix);
  });

  test('a group without a command shows its commands on stderr', async () => {
    const { code, stdout, stderr } = await runForTest(['network']);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('inspect <network>');
  });

  test('with --json it is an error as any other', async () => {
    for (const args of [['--json'], ['network', '--json'], ['--json', 'ipam']]) {
      const { code, stdout, stderr } = await runForTest(args);
      expect(code).toBe(2);
      expect(stdout).toBe('');
      expect(JSON.parse(stderr)).toMatchObject({ error: { exit: 'usage', code: 2 } });
    }
  });

  test('help takes a command of a group, too', async () => {
    for (const path of [['network', 'create'], ['ipam', 'audit'], ['agent', 'reset'], ['status']]) {
      const help = await runForTest(['help', ...path]);
      expect(help).toEqual(await runForTest([...path, '--help']));
      expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('Examples:'), stderr: '' });
    }
    expect(await runForTest(['help', 'network', 'craete'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('did you mean create?'),
    });
  });

  test('every command has help with examples; the first help has the exit codes', async () => {
    const commands = [
      'network create',
      'network ls',
      'network inspect',
      'network rm',
      'host ls',
      'host inspect',
      'host rm',
    ];
    commands.push(
      'endpoint attach',
      'endpoint detach',
      'endpoint ls',
      'endpoint inspect',
      'status',
      'plan',
      'version',
    );
    commands.push('controller', 'agent', 'agent reset', 'completion');
    for (const command of commands) {
      const { code, stdout } = await runForTest([...command.split(' '), '--help']);
      expect(code, command).toBe(0);
      expect(stdout, command).toContain('Examples:');
      for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(110);
    }
    const { stdout } = await runForTest(['--help']);
    for (const { code, meaning } of Object.values(EXIT_CODES))
      expect(stdout).toContain(`${code}  ${meaning}`);
  });

  test('the lab is loaded when it is asked for, and only then', async () => {
    let loads = 0;
    const { Command } = await import('commander');
    const loadLab = async () => {
      loads++;
      return new Command('lab')
        .argument('[words...]')
        .passThroughOptions()
        .action(() => {});
    };
    await runForTest(['--help'], { loadLab });
    expect(loads).toBe(0);
    expect(await runForTest(['lab', 'exec', 'ip', '--json', 'link'], { loadLab })).toMatchObject({ code: 0 });
    expect(loads).toBe(1);
  });
});

describe('what cannot be sent', () => {
  test('numbers that are none are all named at once, and nobody is asked', async () => {
    const { code, stderr } = await host.run(
      'network',
      'create',
      'web',
      '--vni',
      'abc',
      '--port',
      '',
      '--mtu',
      '1 2',
    );
    expect(code).toBe(2);
    expect(stderr).toContain(
      'error: vni "abc": is not a plain number\n  fix: write it with digits only, or leave',
    );
    expect(stderr).toContain('error: port "": is not a plain number');
    expect(stderr).toContain('error: mtu "1 2": is not a plain number');
  });

  test.each([
    ['1e3', 'is not a plain number'],
    ['0x10', 'is not a plain number'],
    ['1.5', 'is not a plain number'],
    ['99999999999999999999999', 'is too large'],
  ])('the number %s is refused as it was typed', async (text, problem) => {
    const { code, stderr } = await host.run('network', 'create', 'web', '--vni', text);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`error: vni "${text}": ${problem}\n`)]);
  });

  test('of whose way out containers take, one is to be chosen', async () => {
    const words = ['network', 'create', 'web', '--gateway', 'anycast', '--gateway', '10.1.0.1', '--gateway'];
    expect(await host.run(...words, 'runtime')).toMatchObject({
      code: 2,
      stderr: 'error: gateway "runtime": comes beside anycast\n  fix: give one of the two words\n',
    });
    expect((await host.run(...words, 'anycast')).code).toBe(5);
  });

  test('detach needs one of its two forms', async () => {
    expect(await host.run('endpoint', 'detach')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is missing'),
    });
    const both = await host.run('endpoint', 'detach', 'x', '--namespace', 'c1');
    expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('together with --namespace') });
  });

  test('detach from a namespace is from all its networks: asking for less is refused', async () => {
    const run = await host.run('endpoint', 'detach', '--namespace', 'c1', '--network', 'web');
    expect(run).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('error: network "web": cannot be given'),
    });
  });

  test('a controller for what only the agent here does', async () => {
    const { code, stderr } = await host.run('--controller', 'https://x', 'plan');
    expect(code).toBe(2);
    expect(stderr).toContain("does not apply: this is done by this host's agent");
  });

  test('reset asks, and does not take silence for yes', async () => {
    expect(await host.run('agent', 'reset')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--yes'),
    });
  });
});

describe('whom it speaks with', () => {
  const networks = { listRecords: () => ({ revision: 1n, records: [] }) };

  test('nobody is there: says who should be, and how to start it', async () => {
    const { code, stderr } = await host.run('network', 'ls');
    expect(code).toBe(5);
    expect(stderr).toContain(`error: cannot reach the agent at unix://${agentPaths(host.root).socket}`);
    expect(stderr).toContain('start it with "weft agent"');
  });

  test('a socket whose owner died', async () => {
    await host.serve('agent', { controller: networks });
    const { socket } = agentPaths(host.root);
    fs.renameSync(socket, `${socket}.old`);
    fs.writeFileSync(socket, '');
    expect(await host.run('network', 'ls')).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('nobody listens'),
    });
    fs.rmSync(socket);
    fs.renameSync(`${socket}.old`, socket);
    expect(await host.run('network', 'ls')).toMatchObject({ code: 0 });
  });

  test('without an agent, the controller on this machine', async () => {
    await host.serve('controller', { controller: networks });
    expect(await host.run('network', 'ls')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('No networks yet'),
    });
  });

  test('the flag beats the environment; both name themselves when they are wrong', async () => {
    await host.serve('controller', { controller: networks });
    const socket = `unix://${host.root}/run/weft/controller.sock`;
    const env = { WEFT_CONTROLLER: 'nonsense' };
    expect(await runForTest(['network', 'ls'], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('WEFT_CONTROLLER "nonsense": is not an address'),
    });
    expect(await runForTest(['network', 'ls', '--controller', socket], { env })).toMatchObject({ code: 0 });
    expect(await runForTest(['--controller', socket, 'network', 'ls'], { env })).toMatchObject({ code: 0 });
    expect(await runForTest(['network', '--controller', socket, 'ls'], { env })).toMatchObject({ code: 0 });
    // As `--controller "$UNSET"` leaves it: nobody else is asked instead.
    expect(await host.run('network', 'ls', '--controller', '')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--controller "": is not an address'),
    });
  });

  test('https without a certificate of one’s own', async () => {
    const { code, stderr } = await host.run('network', 'ls', '--controller', 'https://10.0.0.1');
    expect(code).toBe(2);
    expect(stderr).toContain('--tls-cert, --tls-key and --tls-ca');
  });

  test.each(['network ls', 'agent reset --yes', 'agent', 'controller'])(
    'a root that is empty is not the directory that one is in: %s',
    async (command) => {
      const run = await runForTest([...command.split(' '), '--root', '']);
      expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining('--root "": is empty') });
    },
  );

  test('a root too deep for a socket', async () => {
    const { code, stderr } = await runForTest(['network', 'ls', '--root', `/${'d'.repeat(120)}`]);
    expect(code).toBe(2);
    expect(stderr).toContain('107 bytes');
  });
});

describe('refusals', () => {
  const refuse = (error: ConnectError) => ({
    controller: {
      createNetwork: () => {
        throw error;
      },
    },
  });

  test.each<[RejectionReason, number]>([
    ['invalid', 2],
    ['absent', 3],
    ['conflict', 4],
    ['exhausted', 4],
    ['forbidden', 4],
    ['unavailable', 5],
  ])('%s ends with %i, every fault on its lines', async (reason, exit) => {
    const faults = [
      fault('subnet', '10.0.0.0/33', 'is wrong', 'mend it'),
      fault('name', 'x\ny', 'is odd', 'choose'),
    ];
    await host.serve('agent', refuse(rejectionToError(reject(reason, ...faults))));
    expect(await host.run('network', 'create', 'web')).toEqual({
      code: exit,
      stdout: '',
      stderr:
        'error: subnet "10.0.0.0/33": is wrong\n  fix: mend it\n' +
        'error: name "x\\u{a}y": is odd\n  fix: choose\n',
    });
  });

  test('--json tells the same as data, on stderr', async () => {
    await host.serve(
      'agent',
      refuse(rejectionToError(reject('conflict', fault('vni', '5', 'is taken', 'other')))),
    );
    const { code, stdout, stderr } = await host.run('network', 'create', 'web', '--json');
    expect(code).toBe(4);
    expect(stdout).toBe('');
    expect(JSON.parse(stderr)).toEqual({
      error: {
        exit: 'refused',
        code: 4,
        message: 'vni "5": is taken',
        next: '',
        faults: [{ field: 'vni', value: '5', problem: 'is taken', fix: 'other' }],
      },
    });
  });

  test.each([
    [Code.FailedPrecondition, 'the caller speaks API version 9', 4],
    [Code.PermissionDenied, 'not yours', 4],
    [Code.Unavailable, 'the agent cannot reach the controller', 5],
    [Code.Unimplemented, '', 4],
    [Code.Internal, 'broken', 1],
  ])('code %i', async (code, text, exit) => {
    await host.serve('agent', refuse(new ConnectError(text, code)));
    const run = await host.run('network', 'create', 'web');
    expect(run.code).toBe(exit);
    expect(run.stderr).toContain(text);
    expect(run.stderr).toContain('fix: ');
  });

  test('control characters in a message stay text', async () => {
    await host.serve('agent', refuse(new ConnectError('a\u001b[2Jb', Code.Internal)));
    expect((await host.run('network', 'create', 'web')).stderr).not.toContain('\u001b');
  });

  test('start-up failures of the processes keep their next step', async () => {
    const runAgent = async () => {
      throw Object.assign(new Error('the store is locked'), { next: 'stop the other one' });
    };
    expect(await runForTest(['agent', '--name', 'h1'], { runAgent })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error: the store is locked\n  fix: stop the other one\n',
    });
  });

  test.each(['EACCES', 'EPERM'])('without root, what %s forbids says so, and is no bug', async (code) => {
    const runAgent = async () => {
      throw Object.assign(new Error(`unshare: ${code}`), { code });
    };
    const { code: exit, stderr } = await runForTest(['agent', '--name', 'h1'], { runAgent });
    expect(exit).toBe(1);
    expect(stderr).toMatch(new RegExp(`^error: not permitted: unshare: ${code}\n {2}fix: run it as root`));
  });

  test('a bug is called unexpected; its trace comes with WEFT_DEBUG', async () => {
    const runAgent = async () => {
      throw new TypeError('oops');
    };
    const quiet = await runForTest(['agent', '--name', 'h1'], { runAgent });
    expect(quiet.code).toBe(1);
    expect(quiet.stderr).toContain('error: unexpected: oops');
    expect(quiet.stderr).not.toContain('run-cli.test.ts');
    const loud = await runForTest(['agent', '--name', 'h1'], { runAgent, env: { WEFT_DEBUG: '1' } });
    expect(loud.stderr).toContain('run-cli.test.ts');
  });
});

test('the README has the table of exit codes as it is', () => {
  const readme = fs.readFileSync(new URL('README.md', import.meta.url), 'utf8');
  const rows = readme.split('\n').map((line) => line.replace(/ +/g, ' '));
  for (const { code, meaning } of Object.values(EXIT_CODES))
    expect(rows).toContain(`| ${code} | ${meaning} |`);
});

test('an option may stand before or after the command; the nearest one wins', async () => {
  await host.serve('controller', { controller: { listRecords: () => ({ revision: 1n, records: [] }) } });
  for (const args of [
    ['--root', host.root, 'network', 'ls'],
    ['network', '--root', host.root, 'ls'],
    ['--root', '/nowhere', 'network', '--root', '/nowhere', 'ls', '--root', host.root],
  ])
    expect(await runForTest(args)).toMatchObject({ code: 0 });
});
