import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { add } from '#kernel/contract-stage.ts';
import { exampleNetwork } from '#kernel/example-network.ts';
import { bootId, hostRoutes, readHostFacts } from '#kernel/host-facts.ts';
import { missingKernelFeatures, rejoinsGroups } from '#kernel/kernel-features.ts';
import { isLocalAddress } from '#kernel/route-towards.ts';
import { portHolders, takenUdpPorts } from '#kernel/taken-ports.ts';
import { findUnderlay, type Underlay } from '#kernel/underlay.ts';
import type { Ip } from '#model/ip.ts';
import { LINK_GROUP } from '#model/own.ts';
import { enterHostNamespace, ip, realWorld, TAG } from './kernel-lab.ts';
import { openDescriptors } from './netlink-lab.ts';

let leave: () => void;
beforeAll(() => {
  leave = enterHostNamespace();
});
afterAll(() => leave());

/** `eth0` with both families, a gateway to the rest of the world, and its other end. */
beforeEach(() => {
  ip('link', 'add', 'eth0', 'mtu', '9000', 'type', 'veth', 'peer', 'name', 'wire0');
  for (const dev of ['eth0', 'wire0']) ip('link', 'set', dev, 'up');
  ip('addr', 'add', '198.51.100.7/24', 'dev', 'eth0');
  ip('addr', 'add', '2001:db8::7/64', 'dev', 'eth0', 'nodad');
  ip('route', 'add', 'default', 'via', '198.51.100.1');
});
afterEach(() => {
  ip('link', 'del', 'eth0');
});

describe('the underlay', () => {
  const eth0 = { interface: 'eth0', mtu: 9000 };

  it('is an interface with its first address of each family', () => {
    expect(findUnderlay({ text: 'eth0' })).toEqual({ ...eth0, addresses: ['198.51.100.7', '2001:db8::7'] });
  });

  it('is an address of this host, and then no other', () => {
    expect(findUnderlay({ text: '2001:db8::7' })).toEqual({ ...eth0, addresses: ['2001:db8::7'] });
  });

  it('is where the route to the controller leaves from', () => {
    expect(findUnderlay({ towards: '203.0.113.9' as Ip })).toEqual({
      ...eth0,
      addresses: ['198.51.100.7', '2001:db8::7'],
    });
    expect(findUnderlay({ towards: '2001:db8::99' as Ip })).toEqual({
      ...eth0,
      addresses: ['2001:db8::7', '198.51.100.7'],
    });
  });

  it.each([
    ['an interface', { text: 'eth0' }],
    ['the way to the controller', { towards: '2001:db8::99' as Ip }],
  ])('keeps the addresses that others know, also when younger ones come: found by %s', (_, wish) => {
    const known = ['198.51.100.7', '2001:db8::7'] as Ip[];
    const young = ['198.51.100.77/24', '198.18.0.1/24', '2001:db8::77/64'];
    for (const address of young) ip('addr', 'add', address, 'dev', 'eth0', 'nodad');
    try {
      expect((findUnderlay({ ...wish, known }) as Underlay).addresses.toSorted()).toEqual(known);
      for (const address of ['198.51.100.7/24', '2001:db8::7/64']) ip('addr', 'del', address, 'dev', 'eth0');
      expect(findUnderlay({ ...wish, known })).toMatchObject({
        addresses: expect.arrayContaining(['2001:db8::77']),
      });
    } finally {
      ip('addr', 'flush', 'dev', 'eth0');
    }
  });

  it('is no address that the kernel makes for privacy, and another one tomorrow', () => {
    const settings = ['use_tempaddr=2', 'accept_dad=0'].map((each) => `net.ipv6.conf.eth0.${each}`);
    execFileSync('sysctl', ['-qw', ...settings]);
    ip('addr', 'replace', '2001:db8::7/64', 'dev', 'eth0', 'nodad', 'mngtmpaddr');
    expect(ip('-6', 'addr', 'show', 'dev', 'eth0', 'temporary')).toMatch(/inet6 2001:db8::/);
    expect(findUnderlay({ text: 'eth0' })).toMatchObject({ addresses: ['198.51.100.7', '2001:db8::7'] });
    expect(findUnderlay({ towards: '2001:db8::99' as Ip })).toMatchObject({
      addresses: ['2001:db8::7', '198.51.100.7'],
    });
  });

  it('is no address that another machine has, or may have', async () => {
    const other = `kernel-test-${TAG}-other`;
    ip('netns', 'add', other);
    ip('link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', other);
    const said = () => {
      const found = findUnderlay({ text: '2001:db8:1::7' });
      return 'faults' in found ? found.faults[0]!.problem : 'taken';
    };
    try {
      execFileSync('sysctl', [
        '-qw',
        'net.ipv6.conf.eth1.accept_dad=1',
        'net.ipv6.conf.eth1.dad_transmits=1',
      ]);
      for (const where of [[], ['-n', other]]) ip(...where, 'link', 'set', 'eth1', 'up');
      ip('-n', other, 'addr', 'add', '2001:db8:1::7/64', 'dev', 'eth1', 'nodad');
      ip('addr', 'add', '2001:db8:1::7/64', 'dev', 'eth1');
      const words = [said()];
      await expect.poll(() => words[words.push(said()) - 1], { timeout: 10_000 }).toContain('dadfailed');
      expect(words[0]).toContain('tentative');
    } finally {
      ip('link', 'del', 'eth1');
      ip('netns', 'del', other);
    }
  });

  it('is also an interface that no frame passes by, and says why', () => {
    const ailment = () => (findUnderlay({ text: 'eth0' }) as Underlay).ailment?.problem;
    expect(ailment()).toBeUndefined();
    ip('link', 'set', 'wire0', 'down');
    expect(ailment()).toBe('has no carrier');
    ip('link', 'set', 'eth0', 'down');
    expect(ailment()).toBe('is down');
  });

  it('is a deprecated address where that was asked for, or no other is there', () => {
    const [old, young] = ['2001:db8::7', '2001:db8::77'] as Ip[];
    const deprecate = (ip6: string | undefined) =>
      ip('addr', 'change', `${ip6}/64`, 'dev', 'eth0', 'preferred_lft', '0', 'nodad');
    deprecate(old);
    const wishes = [{ text: 'eth0' }, { towards: '2001:db8::99' as Ip }, { text: 'eth0', known: [old!] }];
    const found = () => wishes.map((wish) => (findUnderlay(wish) as Underlay).addresses.toSorted());
    expect(found()).toEqual(wishes.map(() => ['198.51.100.7', old]));
    expect(findUnderlay({ text: old })).toEqual({ ...eth0, addresses: [old] });
    ip('addr', 'add', `${young}/64`, 'dev', 'eth0', 'nodad');
    expect(found()).toEqual(wishes.map(() => ['198.51.100.7', young]));
    expect(findUnderlay({ text: old })).toEqual({ ...eth0, addresses: [old] });
  });

  it('is of several interfaces that have the address the one that leads out', () => {
    // As tunnels and point-to-point links that borrow their host's address.
    ip('link', 'add', 'eth1', 'mtu', '1400', 'type', 'veth', 'peer', 'name', 'wire1');
    for (const dev of ['eth1', 'wire1']) ip('link', 'set', dev, 'up');
    ip('addr', 'add', '198.51.100.7/32', 'dev', 'eth1');
    ip('route', 'add', '203.0.113.0/24', 'dev', 'eth1', 'src', '198.51.100.7');
    const [text, addresses] = ['198.51.100.7', ['198.51.100.7']];
    const eth1 = { interface: 'eth1', mtu: 1400, addresses };
    try {
      for (const wish of [{ towards: '203.0.113.9' as Ip }, { text, towards: '203.0.113.9' as Ip }])
        expect(findUnderlay(wish), JSON.stringify(wish)).toEqual(eth1);
      for (const towards of ['198.51.100.9' as Ip, undefined])
        expect(findUnderlay({ text, towards })).toEqual({ ...eth0, addresses });
    } finally {
      ip('link', 'del', 'eth1');
    }
  });

  it('is an address of the loopback device, carried by the interface that leads out', () => {
    ip('link', 'add', 'eth1', 'mtu', '1400', 'type', 'veth', 'peer', 'name', 'wire1');
    for (const dev of ['eth1', 'wire1']) ip('link', 'set', dev, 'up');
    ip('addr', 'add', '198.18.0.7/24', 'dev', 'eth1');
    ip('addr', 'add', '203.0.113.77/32', 'dev', 'lo');
    try {
      const text = '203.0.113.77';
      const addresses = [text];
      expect(findUnderlay({ text, towards: '198.51.100.99' as Ip })).toEqual({ ...eth0, addresses });
      // Where the way is not known, what fits through every one.
      const narrowest = findUnderlay({ text });
      expect(narrowest).toMatchObject({ addresses });
      expect('mtu' in narrowest && narrowest.mtu).toBeLessThanOrEqual(1400);
    } finally {
      ip('link', 'del', 'eth1');
      ip('addr', 'del', '203.0.113.77/32', 'dev', 'lo');
    }
  });

  it('is an address of the loopback device where the wires have none', () => {
    // As between routers: each has one address, and asks for the other's MAC by a link-local one.
    ip('addr', 'flush', 'dev', 'eth0', 'scope', 'global');
    ip('addr', 'add', '203.0.113.77/32', 'dev', 'lo');
    ip('route', 'add', '203.0.113.0/24', 'dev', 'eth0');
    const underlay = { ...eth0, addresses: ['203.0.113.77'] };
    const [text, towards] = ['203.0.113.77', '203.0.113.78' as Ip];
    try {
      expect(findUnderlay({ text, towards })).toEqual(underlay);
      ip('link', 'add', 'docker0', 'mtu', '1500', 'type', 'bridge');
      ip('addr', 'add', '172.17.0.1/16', 'dev', 'docker0');
      ip('link', 'set', 'docker0', 'up');
      expect(findUnderlay({ text, towards })).toEqual(underlay);
      ip('link', 'del', 'docker0');
      for (const dev of ['eth0', 'wire0']) ip('link', 'set', dev, 'down');
      expect(findUnderlay({ text, towards })).toMatchObject({
        faults: [
          { field: 'underlay', value: text, problem: expect.stringContaining('no other interface is up') },
        ],
      });
    } finally {
      ip('addr', 'del', '203.0.113.77/32', 'dev', 'lo');
    }
  });

  it.each([
    ['198.51.100.7', true],
    ['2001:db8::7', true],
    ['127.0.0.9', true],
    ['198.51.100.8', false],
    ['2001:db8:ffff::1', false],
  ])('tells whether %s is this host’s: %s', (ip, is) => {
    expect(isLocalAddress(ip as Ip)).toBe(is);
  });

  it.each(['blackhole', 'unreachable', 'prohibit', 'throw'])('has no way where a route is %s', (type) => {
    ip('route', 'del', 'default');
    for (const [family, to] of [
      ['-4', '203.0.113.0/24'],
      ['-6', '2001:db8:5::/48'],
    ] as const)
      ip(family, 'route', 'add', type, to);
    try {
      for (const towards of ['203.0.113.9', '2001:db8:5::9'] as Ip[]) {
        expect(isLocalAddress(towards)).toBe(false);
        expect(findUnderlay({ towards })).toMatchObject({ reason: 'invalid' });
      }
    } finally {
      ip('route', 'del', '203.0.113.0/24');
      ip('-6', 'route', 'del', '2001:db8:5::/48');
    }
  });

  it('is none of our own interfaces, which are not proposed either', () => {
    ip('link', 'add', 'wfg2', 'group', String(LINK_GROUP), 'type', 'bridge');
    ip('addr', 'add', '240.0.0.4/31', 'dev', 'wfg2');
    ip('link', 'set', 'wfg2', 'up');
    try {
      for (const text of ['wfg2', '240.0.0.4', 'eth9'])
        expect(findUnderlay({ text }), text).toMatchObject({
          outcome: 'rejected',
          faults: [{ fix: expect.not.stringMatching(/wfg2|240\./) }],
        });
    } finally {
      ip('link', 'del', 'wfg2');
    }
  });

  it('is refused with what there is instead', () => {
    for (const wish of [
      { text: 'eth9' },
      { text: '203.0.113.1' },
      { text: 'wire0' },
      { towards: '127.0.0.1' as Ip },
      { towards: '2001:db8:ffff::1' as Ip },
      {},
    ])
      expect(findUnderlay(wish), JSON.stringify(wish)).toMatchObject({
        outcome: 'rejected',
        faults: [{ field: 'underlay', fix: expect.stringMatching(/eth0|198\.51\.100\.7/) }],
      });
  });
});

describe('host facts', () => {
  it('list routes but not defaults, link-locals, loopbacks and our own', () => {
    ip('route', 'add', '10.20.0.0/16', 'via', '198.51.100.1');
    ip('route', 'add', '128.0.0.0/1', 'via', '198.51.100.1');
    ip('route', 'add', '10.30.0.0/16', 'dev', 'eth0', 'proto', '119');
    ip('route', 'add', '169.254.0.0/16', 'dev', 'eth0');
    ip('link', 'add', 'wfg1', 'group', String(LINK_GROUP), 'type', 'bridge');
    ip('link', 'set', 'wfg1', 'up');
    ip('route', 'add', '10.40.0.0/16', 'dev', 'wfg1');
    expect(hostRoutes().sort()).toEqual(['10.20.0.0/16', '128.0.0.0/1', '198.51.100.0/24', '2001:db8::/64']);
    ip('link', 'del', 'wfg1');
  });

  it('list the widest of more routes than one request takes', () => {
    const hosts = Array.from({ length: 10_000 }, (_, i) => `route add 100.64.${i >> 8}.${i & 255} dev eth0`);
    execFileSync('ip', ['-batch', '-'], { input: hosts.join('\n') });
    const routes = hostRoutes();
    ip('route', 'flush', 'root', '100.64.0.0/10');
    expect(routes.slice(0, 3)).toEqual(['2001:db8::/64', '198.51.100.0/24', '100.64.0.0/32']);
    expect(routes).toHaveLength(10_000);
  });

  it('list UDP ports of programs in both families, not those of VXLAN devices', async () => {
    const world = realWorld();
    const net = exampleNetwork(world.hostTag, world.underlay, world.createContainer());
    await world.kernel.apply(net.objects.slice(0, 3).map(add), { hostTag: world.hostTag, containers: [] });
    const sockets = [
      createSocket('udp4').bind(4790),
      createSocket({ type: 'udp6', ipv6Only: true }).bind(4791),
    ];
    await Promise.all(sockets.map((socket) => once(socket, 'listening')));
    // Another process of this namespace.
    const script = "require('dgram').createSocket('udp4').bind(4792, () => console.log('bound'))";
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    try {
      expect(await takenUdpPorts()).toEqual([4790, 4791, 4792]);
    } finally {
      child.kill();
      for (const socket of sockets) socket.close();
      await world.close();
    }
  });

  it('tell which program takes what comes for a port at an address', async () => {
    const [v4, v6] = ['198.51.100.7', '2001:db8::7'] as Ip[];
    const listeners = [
      createServer().listen(81, '0.0.0.0'),
      createServer().listen(82, '::'),
      createServer().listen(83, `::ffff:${v4}`),
      createServer().listen(84, '127.0.0.1'),
    ];
    await Promise.all(listeners.map((listener) => once(listener, 'listening')));
    const client = createSocket('udp4').bind(85);
    await once(client, 'listening');
    client.connect(9, v4);
    await once(client, 'connect');
    const holds = async (hostPort: number, hostAddress?: Ip, protocol: 'tcp' | 'udp' = 'tcp') =>
      (await portHolders([{ protocol, hostPort, hostAddress }]))[0] !== undefined;
    try {
      expect([await holds(81, v4), await holds(81, v6), await holds(81)]).toEqual([true, false, true]);
      expect([await holds(82, v4), await holds(82, v6)]).toEqual([true, true]);
      expect([await holds(83, v4), await holds(83, '198.51.100.8' as Ip)]).toEqual([true, false]);
      expect([await holds(84, v4), await holds(84, '127.0.0.1' as Ip)]).toEqual([false, true]);
      // Only its peer's packets are its own.
      expect(await holds(85, undefined, 'udp')).toBe(false);
    } finally {
      for (const open of [...listeners, client]) open.close();
    }
  });

  it('are read together', async () => {
    const facts = await readHostFacts({ interface: 'eth0', mtu: 9000, addresses: ['198.51.100.7' as Ip] });
    expect(facts).toEqual({
      underlayMtu: 9000,
      takenPorts: [],
      underlayInterfaces: ['eth0'],
      routes: expect.arrayContaining(['198.51.100.0/24']),
    });
    expect(bootId()).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('find nothing missing on this kernel, and leave nothing behind', () => {
    const before = openDescriptors();
    expect(missingKernelFeatures()).toEqual([]);
    expect(openDescriptors()).toEqual(before);
  });

  it('say whether a group is joined by a device that is up, and leave nothing behind', () => {
    const group = ['group', '239.255.7.1', 'dev', 'eth0'];
    ip('link', 'add', 'grp0', 'type', 'vxlan', 'id', '9', 'dstport', '4799', ...group);
    ip('link', 'set', 'grp0', 'up');
    ip('link', 'set', 'grp0', 'type', 'vxlan', 'group', '239.255.7.2', 'dev', 'eth0');
    const joined = ip('maddr', 'show', 'dev', 'eth0');
    ip('link', 'del', 'grp0');
    const before = openDescriptors();
    expect(rejoinsGroups()).toBe(joined.includes('239.255.7.2'));
    expect(openDescriptors()).toEqual(before);
  });
});
