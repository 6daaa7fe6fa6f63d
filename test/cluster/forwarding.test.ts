import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, callOk } from '../world/api.ts';
import { ip, plugIn } from '../world/namespaces.ts';
import { startEcho, talkTo } from '../world/talk.ts';
import { until, World } from '../world/world.ts';
import { buildIfStale, PROGRAM, weft, weftOk } from './lab-cli.ts';

/**
 * Hosts whose own firewall drops what they forward: h1's policy does, h2 has what Docker makes. A container leaves by
 * each, each publishes a port, and each is in `red` itself, for a machine outside that knows it by its hosts alone.
 */

const OUTSIDE = ['10.99.0.201', 'fd99::201'];
const HOSTS = { h1: ['10.99.0.1', 'fd99::1'], h2: ['10.99.0.2', 'fd99::2'] } as const;
type HostName = keyof typeof HOSTS;
const SUBNETS = ['10.1.0.0/16', 'fd00:1::/64'];
/** What somebody else's flush costs. */
const HEAL_MS = 1_000;

const world = new World({ program: PROGRAM, hosts: ['h1', 'h2'] });
const ns = (name: string) => world.containerOf(name);
const inside = (name: string, command: string): string =>
  execFileSync('ip', ['netns', 'exec', ns(name), 'sh', '-c', command], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
const servers: { kill: (signal: 'SIGKILL') => void }[] = [];
const containerOf = (host: HostName) => (host === 'h1' ? 'c1' : 'c2');

/** Both families' rules, all of them. */
const rules = (host: HostName) => inside(host, 'iptables -S; ip6tables -S');
const theirs = (host: HostName) =>
  rules(host)
    .split('\n')
    .filter((line) => !line.includes('"weft: '))
    .join('\n');
const OURS = [
  '-i wfg+ -m comment --comment "weft: out" -j ACCEPT',
  '-o wfg+ -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -m comment --comment "weft: back" -j ACCEPT',
  '-o wfh+ -m comment --comment "weft: to exposed" -j ACCEPT',
  '-i wfh+ -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -m comment --comment "weft: from exposed" -j ACCEPT',
];
/** In any order. */
const ours = (host: HostName, command: string) =>
  inside(host, `${command} -S`)
    .split('\n')
    .filter((line) => line.includes('"weft: '))
    .sort()
    .join('\n');
/** In both families alike. */
const untilOurs = (host: HostName, chain: string, limitMs?: number, words = OURS) => {
  const expected = words
    .map((rule) => `-A ${chain} ${rule}`)
    .sort()
    .join('\n');
  return until(
    `our rules are in ${chain} of ${host}`,
    async () => ['iptables', 'ip6tables'].every((command) => ours(host, command) === expected),
    limitMs,
  );
};

const DOCKER = (command: string) =>
  `${command} -P FORWARD DROP; ${command} -N DOCKER-USER; ${command} -A FORWARD -j DOCKER-USER; ${command} -A FORWARD -i docker0 ! -o docker0 -j ACCEPT; ${command} -A DOCKER-USER -i eth7 -j DROP; ${command} -A DOCKER-USER -j RETURN`;

beforeAll(async () => {
  buildIfStale();
  plugIn(ns('wire'), world.addNamespace('outside'), 200);
  inside('h1', 'iptables -P FORWARD DROP; ip6tables -P FORWARD DROP; iptables -A FORWARD -i eth7 -j DROP');
  inside('h2', `${DOCKER('iptables')}; ${DOCKER('ip6tables')}`);
  await world.startAll();
  for (const name of ['c1', 'c2']) servers.push(await startEcho(world.addNamespace(name)));
  servers.push(await startEcho(ns('outside')));
  await callOk(world.controllerSocket, 'ControllerService/CreateNetwork', { name: 'red', subnets: SUBNETS });
  for (const host of ['h1', 'h2'] as const) {
    const container = containerOf(host);
    const { ok, body } = await world.attachTo(host, container, 'red');
    if (!ok) throw new Error(`${JSON.stringify(body)}\n${world.logs()}`);
    for (const mapping of ['7:7', '7:7/udp'])
      await callOk(world.agentSocket(host), 'ControllerService/PublishPort', {
        endpoint: container,
        mapping,
      });
    await weftOk(['expose', 'red', '--root', world.rootOf(host)]);
  }
});
afterAll(async () => {
  for (const server of servers) server.kill('SIGKILL');
  await world.remove();
});

/** That something drops, if the host says so; none while it does not answer. */
async function noticed(host: HostName) {
  const { ok, body } = await call(world.agentSocket(host), 'AgentService/Status');
  return ok && body.status?.notices?.find((each: { code: string }) => each.code === 'forward-dropped');
}

/** What does not come through a host: out of its container, to its published port, and through it to its container. */
async function lost(host: HostName): Promise<string[]> {
  const { addresses } = await world.endpointOf(containerOf(host));
  for (const [i, subnet] of SUBNETS.entries())
    ip('-n', ns('outside'), 'route', 'replace', subnet, 'via', HOSTS[host][i]!);
  const all = await Promise.all([
    talkTo(ns(containerOf(host)), OUTSIDE),
    talkTo(ns('outside'), [...HOSTS[host], ...addresses]),
  ]);
  return all.flat();
}

describe('a host whose firewall drops what it forwards', () => {
  test('lets pass what Weft forwards, and tells so', async () => {
    await untilOurs('h1', 'FORWARD');
    await untilOurs('h2', 'DOCKER-USER');
    for (const host of ['h1', 'h2'] as const) expect(await lost(host)).toEqual([]);
    // Behind what others drop there, before what ends the chain; it is still a table that iptables understands.
    const user = inside('h2', 'iptables -S DOCKER-USER').trimEnd().split('\n');
    expect(user[1]).toBe('-A DOCKER-USER -i eth7 -j DROP');
    expect(user.at(-1)).toBe('-A DOCKER-USER -j RETURN');
    // A host tells of its rules behind writing them.
    const status = async (...flags: string[]) =>
      (await weft(['status', ...flags, '--root', world.rootOf('h1')])).stdout;
    await until('all is told', async () => (await status()).includes('All 2 hosts are as wished'));
    const stdout = await status();
    expect(stdout).toMatch(
      /passes +by iptables -A DOCKER-USER -i wfg\+ -m comment --comment 'weft: out' -j ACCEPT/,
    );
    expect(stdout).toContain('ip6tables -A FORWARD -o wfg+ -m conntrack --ctstate RELATED,ESTABLISHED,DNAT');
    const json = JSON.parse(await status('--json'));
    for (const { status } of json.hosts) expect(status.permits).toHaveLength(8);
  });

  test('has our rules again after a flush, a restart of Docker, and the agent’s death; an idle agent writes none', async () => {
    const damages = [
      'iptables -F DOCKER-USER; ip6tables -F DOCKER-USER',
      'iptables -F',
      'iptables -D DOCKER-USER -i wfg+ -m comment --comment "weft: out" -j ACCEPT',
      'iptables -I DOCKER-USER 1 -j RETURN',
      // As dockerd does when it starts.
      'iptables -D FORWARD -j DOCKER-USER; iptables -I FORWARD -j DOCKER-USER',
    ];
    for (const damage of damages) {
      inside('h2', damage);
      // Docker's own part of it.
      inside('h2', 'iptables -C FORWARD -j DOCKER-USER || iptables -I FORWARD -j DOCKER-USER');
      await untilOurs('h2', 'DOCKER-USER', HEAL_MS);
    }
    expect(await lost('h2')).toEqual([]);

    inside('h1', 'nft flush ruleset');
    await until('a firewall without a policy needs none', async () => (await lost('h1')).length === 0);
    expect(ours('h1', 'iptables')).toBe('');
    inside('h1', 'iptables -P FORWARD DROP; ip6tables -P FORWARD DROP; iptables -A FORWARD -i eth7 -j DROP');
    await untilOurs('h1', 'FORWARD', HEAL_MS);

    // Docker comes to a host that had none, and goes.
    for (const command of ['iptables', 'ip6tables']) inside('h1', DOCKER(command));
    await untilOurs('h1', 'DOCKER-USER', HEAL_MS);
    for (const command of ['iptables', 'ip6tables'])
      inside(
        'h1',
        `${command} -D FORWARD -j DOCKER-USER; ${command} -F DOCKER-USER; ${command} -X DOCKER-USER`,
      );
    await untilOurs('h1', 'FORWARD', HEAL_MS);

    await world.agent('h1').stop('SIGKILL');
    expect(await lost('h1')).toEqual([]);
    inside('h1', 'iptables -F FORWARD');
    expect(await lost('h1')).not.toEqual([]);
    world.agent('h1').start();
    await world.untilConnected('h1');
    await untilOurs('h1', 'FORWARD');
    expect(await lost('h1')).toEqual([]);
    inside(
      'h1',
      'iptables -D FORWARD -i docker0 ! -o docker0 -j ACCEPT 2>/dev/null; iptables -A FORWARD -i eth7 -j DROP',
    );

    const handles = () =>
      inside('h1', 'nft -a list chain ip filter FORWARD').replaceAll(/packets \d+ bytes \d+/g, '');
    const written = handles();
    await sleep(1_000);
    expect(handles()).toBe(written);
  });

  test('names what drops where Weft writes nothing, and what helps', async () => {
    inside(
      'h2',
      `nft 'add table inet mine; add chain inet mine through { type filter hook forward priority 5; policy drop; }'`,
    );
    await until('it is named', async () => !!(await noticed('h2')));
    const { sentence, next } = await noticed('h2');
    expect(sentence).toMatch(
      /^On h2, chain through of table inet mine \(policy drop\) drops it.*published ports are not reached; exposed networks/,
    );
    expect(await lost('h2')).not.toEqual([]);
    for (const command of next.split('; ').filter((each: string) => each.startsWith('nft ')))
      inside('h2', command);
    await until('it is known', async () => !(await noticed('h2')));
    expect(await lost('h2')).toEqual([]);
    inside('h2', 'nft delete table inet mine');
  });
});

test('rules that nf_tables does not know of are named, and what helps does', async () => {
  inside('h1', 'iptables-legacy -P FORWARD DROP');
  // It is looked for now and then, and at the start.
  await world.agent('h1').stop('SIGKILL');
  world.agent('h1').start();
  await until('it is named', async () => !!(await noticed('h1')));
  const { sentence, next } = await noticed('h1');
  expect(sentence).toContain('`-P FORWARD DROP` of iptables-legacy drops it');
  expect(await lost('h1')).not.toEqual([]);
  for (const command of next.split('; ').filter((each: string) => each.startsWith('iptables-legacy ')))
    inside('h1', command);
  expect(await lost('h1')).toEqual([]);
  inside('h1', 'iptables-legacy -P FORWARD ACCEPT; iptables-legacy -F');
});

test('afterwards nothing of ours is left in others’ chains, be it no more needed or Weft reset', async () => {
  const before = { h1: theirs('h1'), h2: theirs('h2') };
  await weftOk(['hide', 'red', '--root', world.rootOf('h1')]);
  await untilOurs('h1', 'FORWARD', undefined, OURS.slice(0, 2));
  await world.detachAll('h1', 'c1');
  await until('nothing is left', async () => rules('h1') === before.h1);
  await weftOk(['agent', 'reset', '--yes', '--root', world.rootOf('h2')]);
  expect(rules('h2')).toBe(before.h2);
  await until('none is told of', async () => {
    const { stdout } = await weft(['status', '--root', world.rootOf('h1')]);
    return !stdout.includes('passes');
  });
});
