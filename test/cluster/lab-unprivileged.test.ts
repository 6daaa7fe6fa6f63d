import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { DemoReport } from '#lab/demo/report.ts';
import { buildIfStale, type Outcome, outcomeOf, PROGRAM, sendToGroup, startCommand } from './lab-cli.ts';

/** The whole lab as user nobody, who cannot read root's clone: from a copy of the bundle and its native packages. */

const NOBODY = 65534;
const AS_NOBODY = [
  'setpriv',
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  '--clear-groups',
  'env',
  '-u',
  'XDG_RUNTIME_DIR',
  'HOME=/nonexistent',
  // A plain user's on Debian: bridge is in /usr/sbin.
  'PATH=/usr/local/bin:/usr/bin:/bin',
];
const RECORD = path.join(tmpdir(), `weft-lab-${NOBODY}`);
const SMALL = ['--hosts', '2', '--containers', '1'];

let copy: string;
beforeAll(() => {
  buildIfStale();
  copy = mkdtempSync(path.join(tmpdir(), 'weft-copy-'));
  chmodSync(copy, 0o755);
  cpSync(path.dirname(PROGRAM), path.join(copy, 'dist'), { recursive: true });
  copyPackage('koffi');
});
afterAll(() => rmSync(copy, { recursive: true }));

afterEach(async () => {
  expect(await lab('down')).toMatchObject({ code: 0 });
  expect(existsSync(RECORD)).toBe(false);
  expect(nobodysProcesses()).toEqual([]);
});

function copyPackage(name: string): void {
  const from = path.resolve(PROGRAM, '../../node_modules', name);
  const to = path.join(copy, 'node_modules', name);
  if (!existsSync(from) || existsSync(to)) return;
  cpSync(from, to, { recursive: true });
  const { dependencies, optionalDependencies } = JSON.parse(
    readFileSync(path.join(from, 'package.json'), 'utf8'),
  );
  for (const needed of Object.keys({ ...dependencies, ...optionalDependencies })) copyPackage(needed);
}

const start = (...args: readonly string[]) =>
  startCommand([...AS_NOBODY, process.execPath, path.join(copy, 'dist/weft.js'), 'lab', ...args]);
const lab = (...args: readonly string[]): Promise<Outcome> => outcomeOf(start(...args));

/** Those that have ended but whose parent has not looked yet do not count. */
function nobodysProcesses(): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const alive = !/^State:\s+Z/m.test(status) && new RegExp(`^Uid:\\s+${NOBODY}\\b`, 'm').test(status);
      return alive ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') : [];
    } catch {
      return [];
    }
  });
}

test('a user without root has a whole lab: up, found again by exec, status and demo, down', async () => {
  const up = await lab('up', ...SMALL);
  expect(up).toMatchObject({ code: 0, stderr: expect.stringContaining('Without root') });
  const exec = await lab('exec', 'h1/c1', '--', 'ip', '-j', 'addr', 'show', 'dev', 'eth0');
  expect(JSON.parse(exec.stdout)[0].addr_info[0].local).toBe('10.1.0.2');
  expect(await lab('exec', 'h2', 'weft', 'endpoint', 'ls')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('h2-c1'),
  });
  expect((await lab('exec', 'h1', '--', 'sh', '-c', 'exit 9')).code).toBe(9);
  const report: DemoReport = JSON.parse((await lab('demo', '--json')).stdout);
  expect(report.verdict).toEqual({ ok: true, reached: 8, unreached: 0, leaked: 0, crossed: 0 });
  expect(report.frame!.sentence).toContain('network blue');
  expect(report.underlay.tunnelled['arp-request'] ?? 0).toBe(0);
  // Nothing of it is in the machine's own namespaces.
  expect(existsSync('/run/netns/lab-h1')).toBe(false);
  expect(await lab('status', '--json')).toMatchObject({ stdout: expect.stringContaining('"phase": "up"') });
});

test('Ctrl-C in the middle removes everything, the user namespace included', async () => {
  const child = start('demo', ...SMALL);
  const ended = outcomeOf(child);
  await new Promise<void>((resolve) => {
    child.stderr!.on('data', (text: string) => {
      if (text.includes(' agents ')) resolve();
    });
  });
  sendToGroup(child, 'SIGINT');
  expect(await ended).toMatchObject({ code: 130, stderr: expect.stringContaining('removed') });
  await expect.poll(nobodysProcesses, { timeout: 10_000 }).toEqual([]);
  expect(existsSync(RECORD)).toBe(false);
});

test('killed in the middle, the next demo begins anew', async () => {
  const child = start('up', ...SMALL);
  const ended = outcomeOf(child);
  await new Promise<void>((resolve) => {
    child.stderr!.on('data', (text: string) => {
      if (text.includes(' agents ')) resolve();
    });
  });
  sendToGroup(child, 'SIGKILL');
  await ended;
  const demo = await lab('demo', '--json', ...SMALL);
  expect(demo).toMatchObject({ code: 0, stderr: expect.stringContaining('what a crash left') });
});

test('without a lab, status and exec say so', async () => {
  for (const command of [['status'], ['exec', 'h1', 'true']])
    expect(await lab(...command)).toMatchObject({ code: 3, stderr: expect.stringContaining('lab up') });
});
