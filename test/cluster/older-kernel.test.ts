import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  absenceOf,
  type DebianKernel,
  fetchDocker,
  kmodProgram,
  olderKernel,
  oldestKernel,
} from '../world/docker-engine.ts';
import { buildIfStale, outcomeOf, PROGRAM, sendToGroup, startCommand } from './lab-cli.ts';

/**
 * Debian's kernels, run as programs (User-Mode Linux) that have this machine's files as their root. They have no
 * nf_tables for packets, and tell of some writes in other words than this machine's kernel.
 */

/** A minute where nothing else runs. */
const LIMIT_MS = 600_000;
const ROOT = path.resolve(import.meta.dirname, '../..');

fetchDocker();
let directory: string;
beforeAll(() => {
  buildIfStale();
  directory = mkdtempSync(path.join(tmpdir(), 'weft-older-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const write = (file: string, text: string): string => {
  writeFileSync(file, text, { mode: 0o755 });
  return file;
};

/** The script that says what `commands` say, between two lines of our own. */
function guest(place: string, { modules }: DebianKernel, commands: string): string {
  const modprobe = path.join(place, 'modprobe');
  symlinkSync(kmodProgram, modprobe);
  mkdirSync(path.join(place, 'lib'));
  symlinkSync(modules, path.join(place, 'lib/modules'));
  const load = write(path.join(place, 'load'), `#!/bin/sh\nexec ${modprobe} -d ${place} "$@"\n`);
  return write(
    path.join(place, 'init'),
    `#!/bin/sh
export PATH=${path.dirname(process.execPath)}:$PATH HOME=/run TMPDIR=/run
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

/** What `commands` say on that kernel; a guest that hangs is ended. */
async function runOn(
  kernel: DebianKernel,
  commands: string,
  limitMs = LIMIT_MS,
): Promise<{ said: string | undefined; all: string }> {
  const place = mkdtempSync(path.join(directory, 'guest-'));
  const init = guest(place, kernel, commands);
  const machine = [kernel.program, 'mem=512M', `uml_dir=${place}`, 'umid=older'];
  const root = ['root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'ro', `init=${init}`];
  const consoles = ['con=null', 'con0=null,fd:1', 'ssl=null', 'quiet'];
  const child = startCommand(['env', `TMPDIR=${place}`, ...machine, ...root, ...consoles]);
  const limit = setTimeout(() => sendToGroup(child, 'SIGKILL'), limitMs);
  const { stdout, stderr } = await outcomeOf(child);
  clearTimeout(limit);
  sendToGroup(child, 'SIGKILL');
  return { said: stdout.split('BEGIN')[1]?.split('END')[0], all: stdout + stderr };
}

const OPS = `require('http').get({ socketPath: '/run/weft-lab/older/h1/run/weft/agent.sock', path: '/metrics' }, (answer) =>
  answer.setEncoding('utf8').on('data', (text) => {
    for (const [, count] of text.matchAll(/^weft_agent_ops_total{.*} (.*)$/gm)) console.log('ops', count);
  }))`;

test(
  'everybody reaches everybody on 6.1, and an agent at rest writes nothing',
  async () => {
    const weft = `node ${PROGRAM}`;
    const count = `node ${write(path.join(directory, 'ops.cjs'), OPS)}`;
    const { said, all } = await runOn(
      olderKernel,
      `${weft} lab demo --name older --hosts 2 --containers 1 --json > /run/demo.json; echo "demo $?"
sleep 2; ${count} | sort > /run/before
sleep 3; ${count} | sort > /run/after
cmp /run/before /run/after && echo "silent $(wc -l < /run/after)"
${weft} lab exec --name older h1 -- weft status --json > /run/status
node -p '"faults " + JSON.parse(fs.readFileSync("/run/status")).hosts.map(({ status }) => status.drift.length + status.failing.length)'`,
    );
    expect(said, all).toContain('demo 0');
    expect(said).toMatch(/silent [1-9]/);
    expect(said).toContain('faults 0,0');
  },
  LIMIT_MS + 10_000,
);

/** The command that runs such lines of our own. */
function commandOf(name: string, contents: string): string {
  const modules = path.join(directory, 'node_modules');
  if (!existsSync(modules)) symlinkSync(path.join(ROOT, 'node_modules'), modules);
  const outfile = path.join(directory, `${name}.mjs`);
  const stdin = { contents, resolveDir: ROOT, loader: 'ts' } as const;
  buildSync({ stdin, outfile, bundle: true, platform: 'node', format: 'esm', external: ['koffi'] });
  return `node ${outfile}`;
}

const FIND = `import { findUnderlay } from '#kernel/underlay.ts';
const [text, towards] = process.argv.slice(2);
const { addresses, ailment, mtu, ...found } = findUnderlay({ text: text || undefined, towards });
console.log('found', addresses.join(), found.interface, String(mtu), ailment?.problem ?? 'well');`;

test('an underlay in a VRF is named where tunnels hear nothing from it', async () => {
  const find = commandOf('find', FIND);
  const { said, all } = await runOn(
    olderKernel,
    `ip link add red type vrf table 10; ip link set red up
ip link add eth1 type veth peer name wire1; ip link set wire1 up; ip link set eth1 up
ip addr add 192.0.2.1/24 dev eth1; ip addr add 192.0.2.9/32 dev red
${find} eth1; ip link set eth1 master red; ${find} eth1; ${find} 192.0.2.9
sysctl -qw net.ipv4.udp_l3mdev_accept=1; ${find} eth1`,
    120_000,
  );
  const outside = 'is in VRF red, and tunnels are outside of it';
  expect(said?.match(/^found .*/gm), all).toEqual([
    'found 192.0.2.1 eth1 1500 well',
    `found 192.0.2.1 eth1 1500 ${outside}`,
    expect.stringMatching(`^found 192.0.2.9 red .* ${outside}`),
    'found 192.0.2.1 eth1 1500 well',
  ]);
}, 130_000);

test('an underlay address of a dummy device is carried by the interface that leads out', async () => {
  const find = commandOf('find', FIND);
  const { said, all } = await runOn(
    olderKernel,
    `ip link add dummy0 mtu 9000 type dummy; ip link set dummy0 up; ip addr add 203.0.113.1/32 dev dummy0
${find} dummy0
ip link add eth1 mtu 1400 type veth peer name wire1; ip link set wire1 up; ip link set eth1 up
ip addr add 192.0.2.1/24 dev eth1; ip route add 203.0.113.0/24 via 192.0.2.2 src 203.0.113.1
${find} dummy0; ${find} 203.0.113.1 203.0.113.2; ${find} '' 203.0.113.2`,
    120_000,
  );
  const carried = 'found 203.0.113.1 eth1 1400 well';
  const alone = 'found 203.0.113.1 dummy0 9000 well';
  expect(said?.match(/^found .*/gm), all).toEqual([alone, carried, carried, carried]);
}, 130_000);

/** Asks a kernel what it does with groups, and whether it still writes and makes namespaces afterwards. */
function askForGroups(): string {
  const contents =
    "import { rejoinsGroups } from '#kernel/kernel-features.ts'; console.log('rejoins ' + rejoinsGroups());";
  return `${commandOf('groups', contents)}; sleep 2; unshare -n ip link add br0 type bridge && echo writes`;
}

const absence = absenceOf('oldest-kernel');
test.skipIf(absence)(
  `an agent refuses 5.10 in words, and trying what it does with groups does not lock it${absence ? `: ${absence}` : ''}`,
  async () => {
    const agent = `node ${PROGRAM} agent --root /run/weft --name h1 --controller unix:///run/none.sock 2>&1; echo "agent $?"`;
    const { said, all } = await runOn(oldestKernel, `${agent}\n${askForGroups()}`, 120_000);
    expect(said, all).toMatch(/this kernel lacks SO_NETNS_COOKIE[\s\S]*use a kernel from 5\.15 on/);
    expect(said, all).toMatch(/agent [1-9]/);
    expect(said, all).toContain('rejoins false');
    expect(said, all).toContain('writes');
  },
  130_000,
);
