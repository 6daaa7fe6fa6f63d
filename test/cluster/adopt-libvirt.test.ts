import { type ChildProcess, execFile, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { spawnMortal } from '#lab/machine/spawn-mortal.ts';
import { fetchDocker, programsOf } from '../world/docker-engine.ts';
import { ip } from '../world/namespaces.ts';
import { runIn } from '../world/recipe.ts';
import { expectSame, isAtRest, lookAtHost, StrangeBridge } from '../world/strange-bridge.ts';
import { until, World } from '../world/world.ts';
import { buildIfStale, PROGRAM, pings, weftOk } from './lab-cli.ts';

/**
 * libvirt's network `default` on two hosts, made as libvirt makes it: `virbr0` with STP and the same address on both,
 * its rules in iptables, which bridged frames pass, and a DHCP server (busybox's for dnsmasq) with a range of its own.
 */

const GATEWAY = '192.168.122.1';
const HOSTS = ['h1', 'h2'] as const;
const GUESTS = { h1: 'g1', h2: 'g2' } as const;
const MACS = { h1: '52:54:00:00:00:01', h2: '52:54:00:00:00:02' } as const;
type HostName = (typeof HOSTS)[number];

/** `iptables-save` on a host with libvirt 9. */
const RULES = `*filter
:LIBVIRT_FWI - [0:0]
:LIBVIRT_FWO - [0:0]
:LIBVIRT_FWX - [0:0]
:LIBVIRT_INP - [0:0]
:LIBVIRT_OUT - [0:0]
-A INPUT -j LIBVIRT_INP
-A FORWARD -j LIBVIRT_FWX
-A FORWARD -j LIBVIRT_FWI
-A FORWARD -j LIBVIRT_FWO
-A OUTPUT -j LIBVIRT_OUT
-A LIBVIRT_FWI -d 192.168.122.0/24 -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A LIBVIRT_FWI -o virbr0 -j REJECT --reject-with icmp-port-unreachable
-A LIBVIRT_FWO -s 192.168.122.0/24 -i virbr0 -j ACCEPT
-A LIBVIRT_FWO -i virbr0 -j REJECT --reject-with icmp-port-unreachable
-A LIBVIRT_FWX -i virbr0 -o virbr0 -j ACCEPT
-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 67 -j ACCEPT
-A LIBVIRT_OUT -o virbr0 -p udp -m udp --dport 68 -j ACCEPT
COMMIT
*nat
:LIBVIRT_PRT - [0:0]
-A POSTROUTING -j LIBVIRT_PRT
-A LIBVIRT_PRT -s 192.168.122.0/24 -d 224.0.0.0/24 -j RETURN
-A LIBVIRT_PRT -s 192.168.122.0/24 -d 255.255.255.255/32 -j RETURN
-A LIBVIRT_PRT -s 192.168.122.0/24 ! -d 192.168.122.0/24 -j MASQUERADE
COMMIT
`;

let world: World;
let busybox: string;
const dhcp = new Map<HostName, ChildProcess>();
const bridges = new Map<HostName, StrangeBridge>();
const before = new Map<HostName, string[]>();

beforeAll(async () => {
  buildIfStale();
  fetchDocker();
  busybox = programsOf('20.10').busybox;
  world = new World({ program: PROGRAM, hosts: HOSTS });
  await world.startAll();
  for (const host of HOSTS) {
    const namespace = world.containerOf(host);
    bridges.set(host, new StrangeBridge(namespace, 'virbr0', [`${GATEWAY}/24`]));
    // One with the MAC that it was born with, said again, keeps a bridge id of zero: two of them are one to STP.
    ip('-n', namespace, 'link', 'set', 'virbr0', 'address', `52:54:00:aa:00:0${host.slice(1)}`);
    ip('-n', namespace, 'link', 'set', 'virbr0', 'type', 'bridge', 'stp_state', '1', 'forward_delay', '200');
    inside(namespace, 'sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=1');
    execFileSync('nsenter', [`--net=/run/netns/${namespace}`, 'iptables-restore'], { input: RULES });
    bridges.get(host)!.plug(world.addNamespace(GUESTS[host]), [], MACS[host]);
    serve(host);
  }
  for (const host of HOSTS) {
    await until(`${host} is at rest`, async () => isAtRest(world.containerOf(host)));
    await untilLeased(host);
    before.set(host, lookAt(host));
  }
});
afterAll(async () => {
  for (const server of dhcp.values()) server.kill('SIGKILL');
  await world?.remove();
});

const inside = (namespace: string, ...words: readonly string[]): string =>
  execFileSync('nsenter', [`--net=/run/netns/${namespace}`, ...words], { encoding: 'utf8' });
const fileOf = (name: string): string => path.join(world.directory, name);
const onHost = (host: HostName, ...words: readonly string[]): Promise<string> =>
  weftOk([...words, '--root', world.rootOf(host)]);

function serve(host: HostName): void {
  const number = host.slice(1);
  const config = fileOf(`${host}.udhcpd`);
  writeFileSync(
    config,
    [
      `start 192.168.122.${number}1`,
      `end 192.168.122.${number}9`,
      'interface virbr0',
      `lease_file ${config}.leases`,
      `pidfile ${config}.pid`,
      `option router ${GATEWAY}`,
      'option subnet 255.255.255.0',
    ].join('\n'),
  );
  writeFileSync(`${config}.leases`, '');
  const command = [`--net=/run/netns/${world.containerOf(host)}`, busybox, 'udhcpd', '-f', config];
  dhcp.set(host, spawnMortal(['nsenter', ...command], { stdio: 'ignore' }));
}

/**
 * What the guest is given by whoever answers, which it takes; '' when nobody does. The server asks by ARP for two
 * seconds whether an address is free, those that it offers to the other host's guests too, and answers nobody else.
 */
async function lease(host: HostName, tries = 5): Promise<string> {
  const [given, script] = [fileOf(`${host}.lease`), fileOf(`${host}.script`)];
  rmSync(given, { force: true });
  const take = `ip addr flush dev eth0; ip addr add $ip/24 dev eth0; echo $ip >${given}`;
  writeFileSync(script, `#!/bin/sh\n[ "$1" != bound ] || { ${take}; }\n`);
  chmodSync(script, 0o755);
  const ask = [busybox, 'udhcpc', '-i', 'eth0', '-n', '-q', '-f', '-t', `${tries}`, '-T', '1', '-s', script];
  const namespace = world.containerOf(GUESTS[host]);
  await promisify(execFile)('nsenter', [`--net=/run/netns/${namespace}`, ...ask]).catch(() => undefined);
  return existsSync(given) ? readFileSync(given, 'utf8').trim() : '';
}

/** Without how long `virbr0` remembers a MAC: not so long for a while after each change of the spanning tree. */
const lookAt = (host: HostName): string[] =>
  lookAtHost(world.containerOf(host)).map((line) => line.replace(/"ageing_time":\d+/, ''));

const untilLeased = (host: HostName): Promise<void> =>
  until(`${GUESTS[host]} has an address`, async () => (await lease(host)) !== '');
const addressOf = (host: HostName): string => readFileSync(fileOf(`${host}.lease`), 'utf8').trim();
const reach = (from: HostName, to: string): Promise<boolean> => pings(world.containerOf(GUESTS[from]), to);

test('guests of two hosts reach each other with both adopted, through rules that accept within the bridge', async () => {
  expect(await reach('h1', addressOf('h2'))).toBe(false);
  for (const host of HOSTS) await onHost(host, 'network', 'adopt', 'virbr0', '--network', 'vms');
  // The bridge's own STP lets a new port forward after twice its delay.
  await until('g1 reaches g2', () => reach('h1', addressOf('h2')));
  expect(await reach('h2', addressOf('h1'))).toBe(true);
  for (const host of HOSTS) {
    expect(await reach(host, GATEWAY)).toBe(true);
    expect(JSON.stringify(await world.status(host))).not.toContain('adopted-filtered');
  }
});

test('a guest is given its address by its own host alone', async () => {
  for (const host of HOSTS) {
    const number = host.slice(1);
    expect(await lease(host)).toMatch(new RegExp(`^192\\.168\\.122\\.${number}\\d$`));
  }
  dhcp.get('h1')!.kill('SIGKILL');
  expect(await lease('h1', 2)).toBe('');
  serve('h1');
  await untilLeased('h1');
});

test('a machine that Weft does not run takes part by what is printed for it', async () => {
  const [machine, wire] = [world.addNamespace('machine'), world.containerOf('wire')];
  ip('-n', machine, 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'p9', 'netns', wire);
  ip('-n', wire, 'link', 'set', 'p9', 'master', 'wire', 'up');
  ip('-n', machine, 'link', 'set', 'up0', 'up');
  ip('-n', machine, 'address', 'add', '10.99.0.9/24', 'dev', 'up0');
  const mac = '02:00:00:00:00:09';
  const added = await onHost(
    'h1',
    'peer',
    'add',
    'vms',
    'old',
    '--vtep',
    '10.99.0.9',
    '--mac',
    mac,
    '--json',
  );
  runIn(machine, JSON.parse(added).commands);
  ip('-n', machine, 'address', 'add', '192.168.122.9/24', 'dev', 'vxlan0');
  for (const host of HOSTS) {
    await until(`${GUESTS[host]} reaches it`, () => reach(host, '192.168.122.9'));
    expect(await pings(machine, addressOf(host))).toBe(true);
  }
  await onHost('h1', 'peer', 'rm', 'vms', 'old');
});

test('who has which address is heard, for nobody can be asked', async () => {
  await until('both are known', async () => {
    const inspected = JSON.parse(await onHost('h1', 'network', 'inspect', 'vms', '--json'));
    const text = JSON.stringify(inspected);
    return HOSTS.every((host) => text.includes(MACS[host]) && text.includes(addressOf(host)));
  });
});

test('let go, the hosts are as they were', async () => {
  for (const host of HOSTS) await onHost(host, 'network', 'disown', 'virbr0');
  for (const host of HOSTS)
    await until(`${host} is as it was`, async () => {
      expectSame(lookAt(host), before.get(host)!);
      return true;
    });
  expect(await reach('h1', addressOf('h2'))).toBe(false);
});
