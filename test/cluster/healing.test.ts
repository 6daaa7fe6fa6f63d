import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../world/world.ts';
import { HealStage, strike, untilHealed, untilReached } from './heal-stage.ts';
import { buildIfStale } from './lab-cli.ts';

/**
 * Damage by a stranger's hand on a host that runs, and how soon it is undone. NET, PORT, MAC are of the network's
 * namespace on this host, GMAC of its gateway, C and DEV of the container, RMAC, RIP4 and RIP6 of the one on the other host; nobody has
 * NONE4.
 */

/** Of these the kernel tells. */
const EVENT_MS = 1_000;
const BLOWS = [
  'ip netns del $NET',
  'umount -l /run/netns/$NET',
  'ip -n $NET link del vxlan0',
  'ip -n $NET link set vxlan0 down',
  'ip -n $NET link set vxlan0 mtu 1300',
  'ip -n $NET link set vxlan0 nomaster',
  'ip -n $NET link set vxlan0 arp off',
  'ip -n $NET link set vxlan0 addrgenmode eui64',
  'ip -n $NET link set vxlan0 type vxlan ttl 3 local 127.0.0.1',
  'ip -n $NET link set vxlan0 name vxlan9',
  'ip -n $NET link set vxlan0 netns $C; ip -n $C link del vxlan0',
  'ip -n $NET link del br0',
  'ip -n $NET link set br0 down',
  'ip -n $NET link set br0 mtu 1300',
  'ip -n $NET link set br0 type bridge stp_state 1 mcast_snooping 1',
  'ip -n $NET link del $PORT',
  'ip -n $NET link set $PORT down',
  'ip -n $NET link set $PORT mtu 1300',
  'ip -n $NET link set $PORT nomaster',
  'bridge -n $NET link set dev $PORT learning on flood on isolated on',
  'bridge -n $NET link set dev $PORT state 0',
  'bridge -n $NET link set dev $PORT locked on',
  'bridge -n $NET link set dev vxlan0 learning on hairpin on flood off mcast_flood off bcast_flood off',
  'bridge -n $NET link set dev vxlan0 state 0',
  'bridge -n $NET link set dev vxlan0 locked on',
  'bridge -n $NET fdb del 00:00:00:00:00:00 dev vxlan0 dst 10.99.0.2',
  'bridge -n $NET fdb append 00:00:00:00:00:00 dev vxlan0 dst 10.99.0.77',
  'bridge -n $NET fdb add 02:00:00:00:00:99 dev vxlan0 dst 10.99.0.77',
  'bridge -n $NET fdb add 02:00:00:00:00:99 dev vxlan0 dst 10.99.0.77 static',
  'bridge -n $NET fdb add 02:00:00:00:00:99 dev $PORT master static',
  'bridge -n $NET fdb del $MAC dev $PORT master',
  'bridge -n $NET fdb replace $MAC dev vxlan0 master static',
  'bridge -n $NET fdb replace $MAC dev $PORT master permanent',
  'bridge -n $NET fdb add $RMAC dev br0 self permanent',
  'bridge -n $NET fdb del $GMAC dev br0 self',
  'bridge -n $NET fdb replace $GMAC dev $PORT master static',
  'ip -n $NET link set br0 type bridge fdb_flush',
  'ip -n $NET neigh replace $RIP4 lladdr 02:00:00:00:00:99 dev vxlan0 nud permanent',
  'ip -n $NET neigh replace $NONE4 lladdr 02:00:00:00:00:99 dev vxlan0 nud permanent',
  'ip -n $NET neigh replace $RIP6 lladdr 02:00:00:00:00:99 dev vxlan0 nud permanent',
  'ip -n $NET neigh replace $(echo $IP4 | cut -d/ -f1) lladdr 02:00:00:00:00:99 dev br0 nud permanent',
  'ip -n $NET neigh replace $RIP6 lladdr 02:00:00:00:00:99 dev br0 nud permanent',
  'ip -n $NET neigh replace $NONE4 lladdr 02:00:00:00:00:99 dev br0 nud permanent',
  'ip -n $NET addr add 10.9.9.9/24 dev br0',
  'ip -n $NET addr add fd09::9/64 dev vxlan0 nodad',
  'ip -n $NET link add eve0 type bridge',
  'ip -n $NET link add eve0 type veth peer name eve1',
  'ip -n $C link del $DEV',
  'ip -n $C link set $DEV down',
  'ip -n $C link set $DEV mtu 1300',
  'ip -n $C link set $DEV address 02:00:00:00:00:99',
  'ip -n $C link set $DEV arp off',
  'ip -n $C link set $DEV down name eve9',
  'ip -n $C addr flush dev $DEV',
  'ip -n $C addr del $IP4 dev $DEV',
  'ip -n $C addr del $IP6 dev $DEV',
  'ip -n $C addr add 10.9.9.9/24 dev $DEV',
  'ip -n $C addr add fd09::9/64 dev $DEV nodad',
  'ip -n $C addr change $IP6 dev $DEV preferred_lft 10 valid_lft 100',
  'ip -n $C addr change $IP4 dev $DEV preferred_lft 10 valid_lft 100',
  'ip -n $C route del $CIDR4 dev $DEV',
  'ip -n $C -6 route del $CIDR6 dev $DEV',
  'ip -n $C route del default dev $DEV',
  'ip -n $C -6 route del default dev $DEV',
  'ip -n $NET addr flush dev br0',
  'ip -n $NET link set br0 address 02:00:00:00:00:98',
  'ip netns exec $C sysctl -qw net.ipv6.conf.$DEV.disable_ipv6=1',
  'ip netns exec $C sysctl -qw net.ipv6.conf.all.disable_ipv6=1',
];

/** Of what is written down in this mode only. */
const PROXY_BLOWS = [
  'bridge -n $NET fdb del $RMAC dev vxlan0',
  'bridge -n $NET fdb replace $RMAC dev vxlan0 dst 10.99.0.77',
  'bridge -n $NET fdb add 02:00:00:00:00:99 dev vxlan0 dst 10.99.0.77 dynamic',
  'bridge -n $NET fdb replace $RMAC dev vxlan0 dst 10.99.0.2 port 5000',
  'ip -n $NET neigh del $RIP4 dev vxlan0',
  'ip -n $NET neigh flush dev vxlan0 nud permanent',
];

/** Of these it tells nothing: they are found by looking. */
const LOOK_MS = 5_000;
const SILENT_BLOWS = [
  'ip netns exec $C sysctl -qw net.ipv6.conf.$DEV.addr_gen_mode=0',
  'ip netns exec $NET sysctl -qw net.ipv6.conf.vxlan0.disable_ipv6=1',
  'ip netns exec $NET sysctl -qw net.ipv6.conf.all.disable_ipv6=1',
  'ip netns exec $NET sysctl -qw net.ipv6.conf.$PORT.addr_gen_mode=0',
  'ip netns exec $NET sysctl -qw net.ipv6.conf.br0.accept_ra=1',
  'ip netns exec $C sysctl -qw net.ipv6.conf.$DEV.accept_ra=1',
];

const MODES = ['proxy', 'flood', 'on-demand'];
/** Nothing is there to be struck that the mode does not write. */
const blowsIn = (mode: string): readonly string[] => {
  if (mode === 'proxy') return [...BLOWS, ...PROXY_BLOWS];
  return mode === 'flood' ? BLOWS : BLOWS.filter((line) => !line.includes('fdb del 00:00:00:00:00:00'));
};

/** What only these modes write, or have otherwise; one after the other. */
const BLOWS_OF = {
  p2p: [
    'bridge -n $NET fdb del 00:00:00:00:00:00 dev vxlan0 dst 10.99.0.2',
    'ip -n $NET link set vxlan0 type vxlan nolearning',
  ],
  multicast: [
    'bridge -n $NET fdb del 00:00:00:00:00:00 dev vxlan0',
    'bridge -n $NET fdb append 00:00:00:00:00:00 dev vxlan0 dst 10.99.0.77',
    'ip -n $NET link set vxlan0 type vxlan remote 10.99.0.77',
    'ip -n $NET link set vxlan0 type vxlan nolearning',
    'ip -n $NET link del vxlan0',
  ],
  static: [
    'bridge -n $NET fdb del $RMAC dev vxlan0',
    'bridge -n $NET fdb replace $RMAC dev vxlan0 dst 10.99.0.77',
    'bridge -n $NET fdb del 00:00:00:00:00:00 dev vxlan0 dst 10.99.0.2',
    'ip -n $NET neigh replace $RIP4 lladdr 02:00:00:00:00:99 dev vxlan0 nud permanent',
    'ip -n $NET link set vxlan0 type vxlan learning',
    'ip -n $NET link del vxlan0',
  ],
};

/** In each of the modes; vitest runs fewer at once. */
const SITES = 6;
let stage: HealStage;

beforeAll(async () => {
  buildIfStale();
  const many = Object.fromEntries(MODES.map((mode) => [mode, SITES]));
  const one = Object.fromEntries(Object.keys(BLOWS_OF).map((mode) => [mode, 1]));
  stage = await HealStage.up({ ...many, ...one });
});
afterAll(() => stage?.down());

let strangers: string;
beforeAll(async () => {
  await stage.placeStrangers();
  strangers = await stage.lookAtStrangers();
});

/** One by one what mends one blow cannot be the look that another caused: slower, and stricter. */
const together = process.env.ONE_BY_ONE ? describe : describe.concurrent;

together.each(MODES)('a network in %s', (mode) => {
  const blows = blowsIn(mode);
  test.each(blows)('heals from %s', (line) =>
    stage.onSite(mode, async (site) => {
      await strike(line, site);
      expect(await untilHealed(site, EVENT_MS)).toEqual([]);
      await untilReached(site);
    }),
  );
});

together.each(Object.entries(BLOWS_OF))('a network in %s', (mode, blows) => {
  test('heals from each blow at what only it has', () =>
    stage.onSite(mode, async (site) => {
      for (const line of blows) {
        await strike(line, site);
        expect(await untilHealed(site, EVENT_MS), line).toEqual([]);
        await untilReached(site);
      }
    }));
});

test('what no event tells of is found by looking', async () => {
  const strikeOne = (line: string) =>
    stage.onSite('proxy', async (site) => {
      await strike(line, site);
      expect(await untilHealed(site, LOOK_MS), line).toEqual([]);
    });
  await Promise.all(SILENT_BLOWS.map(strikeOne));
});

test('after all that, strangers have what they had', async () => {
  expect(strangers).toContain('02:00:00:00:00:77');
  expect(await stage.lookAtStrangers()).toEqual(strangers);
});

test('an idle agent goes on looking, and writes nothing', async () => {
  // Carrier follows what was mended a moment ago; and who was pinged asks for the other's address anew 5 s later
  // (net.ipv4.neigh.default.delay_first_probe_time), for which rows are written on demand.
  const aWhile = async () => {
    const [writes, looks] = [await stage.samples('weft_agent_ops_total'), await stage.looks()];
    const changes = stage.hearChanges();
    await sleep(7_000);
    expect(changes.stop()).toEqual([]);
    expect(await stage.samples('weft_agent_ops_total')).toEqual(writes);
    expect(await stage.looks()).toBeGreaterThan(looks);
    return true;
  };
  await until('nobody has written for a while', aWhile, 30_000);
});

test('an agent that starts anew over what it finds as wished writes nothing', async () => {
  const agent = stage.world.agent('h1');
  const changes = stage.hearChanges();
  await agent.stop('SIGKILL');
  agent.start();
  await stage.world.untilConnected('h1');
  await until('it has looked', async () => (await stage.looks()) > 0);
  // The first look may have been before the controller's word.
  await until('it has applied all', async () => {
    const { head, applied } = await stage.revisions();
    return applied === head;
  });
  expect(await stage.samples('weft_agent_ops_total')).toEqual([]);
  expect(changes.stop()).toEqual([]);
});
