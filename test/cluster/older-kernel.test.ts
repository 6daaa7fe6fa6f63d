import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fetchDocker, olderKernel } from '../world/docker-engine.ts';
import { buildIfStale, outcomeOf, PROGRAM, sendToGroup, startCommand } from './lab-cli.ts';

/**
 * A lab on Debian bookworm's kernel, run as a program (User-Mode Linux) that has this machine's files as its root. It has
 * no nf_tables for packets, and tells of some writes in other words than this machine's kernel.
 */

/** A minute where nothing else runs. */
const LIMIT_MS = 600_000;
let directory: string;
beforeAll(() => {
  buildIfStale();
  fetchDocker();
  directory = mkdtempSync(path.join(tmpdir(), 'weft-older-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const script = (name: string, lines: string): string => {
  const file = path.join(directory, name);
  writeFileSync(file, `#!/bin/sh\n${lines}`, { mode: 0o755 });
  return file;
};

/** Says what `commands` say, between two lines of our own. */
function guest(commands: string): string {
  const modprobe = path.join(directory, 'modprobe');
  symlinkSync(olderKernel.kmod, modprobe);
  mkdirSync(path.join(directory, 'lib'));
  symlinkSync(olderKernel.modules, path.join(directory, 'lib/modules'));
  const load = script('load', `exec ${modprobe} -d ${directory} "$@"\n`);
  return script(
    'init',
    `export PATH=${path.dirname(process.execPath)}:$PATH HOME=/run TMPDIR=/run
mount -t proc proc /proc; mount -t sysfs sysfs /sys
for each in /run /var/lib /var/tmp; do mount -t tmpfs tmpfs $each; done
mkdir /run/netns
echo ${load} > /proc/sys/kernel/modprobe
for each in ipv6 af_packet vxlan veth bridge; do ${load} $each; done
ip link set lo up
echo BEGIN
${commands}
echo END
poweroff -f
`,
  );
}

const OPS = `require('http').get({ socketPath: '/run/weft-lab/older/h1/run/weft/agent.sock', path: '/metrics' }, (answer) =>
  answer.setEncoding('utf8').on('data', (text) => {
    for (const [, count] of text.matchAll(/^weft_agent_ops_total{.*} (.*)$/gm)) console.log('ops', count);
  }))`;

test(
  'everybody reaches everybody, and an agent at rest writes nothing',
  async () => {
    const weft = `node ${PROGRAM}`;
    const count = `node ${path.join(directory, 'ops.cjs')}`;
    writeFileSync(path.join(directory, 'ops.cjs'), OPS);
    const init = guest(`
${weft} lab demo --name older --hosts 2 --containers 1 --json > /run/demo.json; echo "demo $?"
sleep 2; ${count} | sort > /run/before
sleep 3; ${count} | sort > /run/after
cmp /run/before /run/after && echo "silent $(wc -l < /run/after)"
${weft} lab exec --name older h1 -- weft status --json > /run/status
node -p '"faults " + JSON.parse(fs.readFileSync("/run/status")).hosts.map(({ status }) => status.drift.length + status.failing.length)'`);
    const machine = [olderKernel.program, 'mem=512M', `uml_dir=${directory}`, 'umid=older'];
    const root = ['root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'ro', `init=${init}`];
    const consoles = ['con=null', 'con0=null,fd:1', 'ssl=null', 'quiet'];
    const child = startCommand(['env', `TMPDIR=${directory}`, ...machine, ...root, ...consoles]);
    const limit = setTimeout(() => sendToGroup(child, 'SIGKILL'), LIMIT_MS);
    const { stdout, stderr } = await outcomeOf(child);
    clearTimeout(limit);
    sendToGroup(child, 'SIGKILL');
    const said = stdout.split('BEGIN')[1]?.split('END')[0];
    expect(said, stdout + stderr).toContain('demo 0');
    expect(said).toMatch(/silent [1-9]/);
    expect(said).toContain('faults 0,0');
  },
  LIMIT_MS + 10_000,
);
