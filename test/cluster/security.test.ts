import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { TUNNEL_MODES } from '#model/tunnel-mode.ts';
import { openFrameSender } from '#netlink/packet-socket.ts';
import { callOk, type EndpointJson } from '../world/api.ts';
import { type ForgedFrame, forgedFrames, type Party } from '../world/forged-frames.ts';
import { type Ears, eth0Of, listenAt } from '../world/frame-ears.ts';
import { overlaysOf } from '../world/leftovers.ts';
import { ip, namespacesWith } from '../world/namespaces.ts';
import { nft } from '../world/strange-bridge.ts';
import { talkTo } from '../world/talk.ts';
import { HOSTS, ThreeHosts } from '../world/three-hosts.ts';
import { until } from '../world/world.ts';
import { buildIfStale } from './lab-cli.ts';

/** Who has no right to speak in a network is not heard there: containers with raw sockets, and hosts that are not in it. */

const net = new ThreeHosts();
let ears: Ears | undefined;
beforeAll(async () => {
  buildIfStale();
  await net.start();
});
afterEach(async () => {
  ears?.close();
  await net.removeNetwork('red');
});
afterAll(() => net.remove());

const partyOf = ({ mac, addresses }: EndpointJson): Party => ({
  mac,
  ipv4: addresses.find((address) => !address.includes(':'))!,
  ipv6: addresses.find((address) => address.includes(':'))!,
});

const hasHeard = (bytes: Buffer): boolean => ears!.hasHeard(bytes);

/** Network `red` on these hosts; a dry word to all first, so that its rows are there. */
async function build(mode: string, hosts: readonly string[] = HOSTS): Promise<Party[]> {
  await net.network('red', { mode });
  const endpoints = await net.attachAll('red', hosts);
  const addresses = endpoints.flatMap(({ addresses }) => addresses);
  await until(
    'they reach each other',
    async () => (await talkTo(net.containerOn('h1'), addresses)).length === 0,
  );
  return endpoints.map(partyOf);
}

test.each(TUNNEL_MODES)('in mode %s no forged frame reaches another host', async (mode) => {
  const hosts = mode === 'p2p' ? HOSTS.slice(0, 2) : HOSTS;
  const [me, victim] = await build(mode, hosts);
  const other = { mac: '02:de:ad:00:00:01', ipv4: '10.1.77.77', ipv6: 'fd00:1::77' };
  ears = listenAt(net.containerOn('h2'));
  const sender = openFrameSender(...eth0Of(net.containerOn('h1')));
  const frames = forgedFrames(me!, victim!, other);
  for (const { frame } of frames) sender.send(frame);
  sender.close();
  expect(await talkTo(net.containerOn('h1'), [victim!.ipv4, victim!.ipv6])).toEqual([]);
  const came = frames.filter(({ frame }: ForgedFrame) => hasHeard(frame.subarray(6, 42)));
  expect(came.map(({ name }) => name)).toEqual([]);
  const { endpoints } = await net.world.records();
  const endpoint = endpoints.find(({ name }) => name === 'c-h1')!.id;
  for (const kind of new Set(frames.map((frame) => frame.kind))) {
    const count = frames.filter((frame) => frame.kind === kind).length;
    await untilTold('h1', { endpoint, kind, count: String(count) });
  }
});

/** The agent has seen what its rules have counted. */
const untilTold = (host: string, told: object): Promise<void> =>
  until(`told: ${JSON.stringify(told)}`, async () => {
    const { status } = await callOk(net.world.agentSocket(host), 'AgentService/Status');
    return (status.refused ?? []).some((each: Record<string, unknown>) =>
      Object.entries(told).every(([field, value]) => each[field] === value),
    );
  });

/** `08 | VNI | frame` to the UDP port, from any socket there. */
function sendVxlan(namespace: string, to: string, vni: number, mark: string, from = '0.0.0.0'): void {
  const header = `08000000${vni.toString(16).padStart(6, '0')}00`;
  const packet = `${header}ffffffffffff02dead00000988b5${Buffer.from(mark).toString('hex')}`;
  const send = `socket.send(Buffer.from('${packet}','hex'),4789,'${to}',()=>process.exit())`;
  const program = `const socket=require('dgram').createSocket('udp4').bind({address:'${from}'},()=>${send})`;
  execFileSync('nsenter', [`--net=/run/netns/${namespace}`, process.execPath, '-e', program]);
}

const vtepOf = async (host: string): Promise<string> => {
  const { hosts } = await net.world.records();
  return hosts.find(({ name }: { name: string }) => name === host)!.underlay[0]!;
};

test('VXLAN from a host that is not in the network is dropped, also after its rules were flushed', async () => {
  await build('static', ['h1', 'h2']);
  const { networks } = await net.world.records();
  const vni = networks[0]!.vni;
  const [h1, h2, h3] = HOSTS.map((host) => net.hostNamespace(host)) as [string, string, string];
  ears = listenAt(net.containerOn('h2'));
  const to = await vtepOf('h2');
  await until('a member is heard', async () => {
    sendVxlan(h1, to, vni, 'from a member');
    await sleep(200);
    return hasHeard(Buffer.from('from a member'));
  });
  const strange = async (mark: string) => {
    sendVxlan(h3, to, vni, mark);
    await sleep(200);
    return hasHeard(Buffer.from(mark));
  };
  expect(await strange('from a stranger')).toBe(false);
  expect(nft(h2, 'list', 'set', 'inet', 'weft', 'refused-vxlan')).toMatch(/counter packets 1 /);
  await untilTold('h2', { device: 'eth0', kind: 'stranger', count: '1' });
  // Looked at again, it stays.
  await sleep(5000);
  await untilTold('h2', { device: 'eth0', kind: 'stranger', count: '1' });

  nft(h2, 'flush', 'ruleset');
  const [overlay] = namespacesWith(overlaysOf(net.world.rootOf('h2')));
  nft(overlay!, 'flush', 'ruleset');
  await until('healed', async () => !(await strange(`again ${Math.random()}`)), 1000);
  await until('both are', async () => nft(overlay!, 'list', 'ruleset').includes('chain ports'), 1000);
  // Others' tunnels are none of ours.
  ip('-n', h2, 'link', 'add', 'theirs', 'type', 'vxlan', 'id', '77', 'dstport', '4789', 'local', to);
  ip('-n', h2, 'link', 'set', 'theirs', 'up');
  sendVxlan(h3, to, 77, 'for others');
  const arrived = () => JSON.parse(ip('-n', h2, '-j', '-s', 'link', 'show', 'theirs'))[0].stats64.rx.packets;
  await until('it has arrived', async () => arrived() === 1);
  ip('-n', h2, 'link', 'del', 'theirs');

  // h3 becomes a member, and is heard.
  const { ok } = await net.world.attachTo('h3', 'c-h3', 'red');
  expect(ok).toBe(true);
  await until('the new member is heard', () => strange(`as a member ${Math.random()}`));
  await net.world.detachAll('h3', 'c-h3');
  await until('and no more when it has left', async () => !(await strange(`left ${Math.random()}`)));
});

test('VXLAN that a container sends by its host is dropped there', async () => {
  await build('static', ['h1', 'h2']);
  const { networks } = await net.world.records();
  const h1 = net.hostNamespace('h1');
  const inside = net.world.addNamespace('inside');
  ip('-n', h1, 'link', 'add', 'docker_gwbridge', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', inside);
  ip('-n', h1, 'addr', 'add', '172.31.0.1/24', 'dev', 'docker_gwbridge');
  ip('-n', h1, 'link', 'set', 'docker_gwbridge', 'up');
  ip('-n', inside, 'addr', 'add', '172.31.0.2/24', 'dev', 'eth1');
  ip('-n', inside, 'link', 'set', 'eth1', 'up');
  ip('-n', inside, 'route', 'add', 'default', 'via', '172.31.0.1');
  execFileSync('nsenter', [`--net=/run/netns/${h1}`, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  nft(h1, 'add', 'table', 'ip', 'masq');
  nft(h1, 'add', 'chain', 'ip', 'masq', 'post', '{ type nat hook postrouting priority 100; }');
  nft(h1, 'add', 'rule', 'ip', 'masq', 'post', 'ip', 'saddr', '172.31.0.0/24', 'masquerade');
  ears = listenAt(net.containerOn('h2'));
  for (const host of ['h1', 'h2'])
    sendVxlan(inside, await vtepOf(host), networks[0]!.vni, 'from a container');
  // As if it were a member.
  const [here, there] = [await vtepOf('h1'), await vtepOf('h2')];
  ip('-n', inside, 'addr', 'add', there, 'dev', 'lo');
  sendVxlan(inside, here, networks[0]!.vni, 'from a container', there);
  await sleep(300);
  expect(hasHeard(Buffer.from('from a container'))).toBe(false);
  expect(nft(h1, 'list', 'set', 'inet', 'weft', 'refused-vxlan')).toMatch(
    /"docker_gwbridge" .*counter packets 3 /,
  );
  nft(h1, 'delete', 'table', 'ip', 'masq');
  ip('-n', h1, 'link', 'del', 'docker_gwbridge');
});
