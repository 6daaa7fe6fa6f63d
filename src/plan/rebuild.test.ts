import { describe, expect, it } from 'vitest';
import { addKernelObject } from '#model/kernel-state.ts';
import { portName } from '#model/own.ts';
import {
  addressOn,
  CONTAINER,
  damaged,
  lines,
  linkOf,
  NS,
  PORT,
  records,
  repairOf,
  replaced,
  stranger,
  wishedOf,
} from './test-damage.ts';
import { remove } from './test-kernel.ts';
import { testEndpoint, testHost, testNetwork } from './test-world.ts';

describe('what cannot be changed is built anew, with all that hung on it', () => {
  it('a tunnel that is to answer ARP', () => {
    const repair = lines(wishedOf(records), wishedOf(replaced(testNetwork(1, 'static'))));
    expect(repair.slice(0, 2)).toEqual([
      'ip -n NS link del dev vxlan0',
      'ip link add vxlan0 netns NS type vxlan id 1048577 dstport 4789 local 10.99.0.1 ttl 64 nolearning proxy',
    ]);
    expect(repair.filter((line) => / fdb | neigh /.test(line))).toHaveLength(2 + 3);
    expect(repair.filter((line) => /PORT|c11/.test(line))).toEqual([]);
  });

  it('a port without its other end', () => {
    const repair = repairOf((seen) => {
      seen.link.delete(`${CONTAINER} eth1`);
      for (const [key, { ns, dev }] of seen.address)
        if (ns === CONTAINER && dev === 'eth1') seen.address.delete(key);
      addKernelObject(seen, { ...linkOf(seen, PORT), detail: { type: 'veth' } });
    });
    expect(repair.slice(0, 2)).toEqual([
      'ip -n NS link del dev PORT',
      'ip -n NS link add PORT type veth peer name eth1 netns c11',
    ]);
    expect(repair.filter((line) => line.includes('master static'))).toHaveLength(1);
    expect(repair.filter((line) => line.includes(' addr add '))).toHaveLength(3);
  });

  it('a way out whose end on the host somebody has renamed or marked otherwise', () => {
    const repair = repairOf((seen) => {
      seen.link.delete(' wfg100001');
      const peer = { ns: '', name: 'eve0' };
      addKernelObject(seen, { ...linkOf(seen, 'up0'), detail: { type: 'veth', peer } });
    });
    expect(repair.slice(0, 2)).toEqual([
      'ip -n NS link del dev up0',
      'ip link add wfg100001 group 2003134068 type veth peer name up0 netns NS',
    ]);
    expect(repair.filter((line) => line.includes('up0 proto'))).toHaveLength(2);
  });

  it('a bridge that is none: its ports join the new one and get their rules again', () => {
    const repair = repairOf((seen) =>
      addKernelObject(seen, { ...linkOf(seen, 'br0'), detail: { type: 'other', linkKind: 'ifb' } }),
    );
    expect(repair).toEqual([
      'ip -n NS link del dev br0',
      'ip -n NS link add br0 type bridge stp_state 0 mcast_snooping 0 forward_delay 0',
      'ip -n NS link set dev br0 address 76:08:00:00:00:01 mtu 1450 addrgenmode none',
      'ip -n NS link set dev br0 up',
      'nsenter --net=/run/netns/NS sysctl -qw net/ipv6/conf/br0/accept_ra=0',
      'ip -n NS addr add 10.1.0.1/16 dev br0',
      'ip -n NS addr add fd00:1::1/64 dev br0 nodad',
      'ip -n NS addr add fe80::7408:ff:fe00:1/64 dev br0 nodad',
      'ip -n NS link set dev vxlan0 master br0',
      expect.stringContaining('link set dev vxlan0 learning off flood on'),
      'ip -n NS link set dev PORT master br0',
      expect.stringContaining('link set dev PORT learning off flood off'),
      'bridge -n NS fdb replace 76:08:00:00:00:01 dev br0 permanent',
      'bridge -n NS fdb replace 02:00:01:00:00:0b dev PORT master static',
    ]);
  });

  it('the interface of an earlier endpoint in the same container, out of the way first', () => {
    const earlier = testEndpoint(9, 1, 1, { containerId: 'c11' });
    const seen = wishedOf([...records.filter(({ id }) => id !== testEndpoint(11, 1, 1).id), earlier]);
    const repair = lines(wishedOf(records), seen);
    expect(repair[0]).toBe(`ip -n NS link del dev ${portName(earlier.id)}`);
    expect(repair.filter((line) => !line.includes(' nft '))[1]).toBe(
      'ip -n NS link add PORT type veth peer name eth1 netns c11',
    );
  });

  it('also when that was in a network that is left', () => {
    const earlier = testEndpoint(9, 2, 1, { containerId: 'c11', interface: 'eth1' });
    const seen = wishedOf([testHost(1), testHost(2), testNetwork(2), earlier]);
    const repair = lines(wishedOf(records), seen);
    const other = NS.replace(/1$/, '2');
    expect(repair[0]).toBe(`ip -n ${other} link del dev ${portName(earlier.id)}`);
    expect(repair.filter((line) => !line.includes('nft ')).slice(-2)).toEqual([
      `ip -n ${other} link del dev vxlan0`,
      `ip netns del ${other}`,
    ]);
  });

  it("but never a stranger's interface in a container: the port is tried, so that the refusal is seen", () => {
    const seen = damaged((state) => {
      remove(state, linkOf(state, PORT));
      addKernelObject(state, stranger({ name: 'eth1', ns: CONTAINER }));
      addKernelObject(state, addressOn('eth1'));
    });
    const repair = lines(wishedOf(records), seen);
    expect(repair[0]).toBe('ip -n NS link add PORT type veth peer name eth1 netns c11');
    expect(repair.filter((line) => line.includes('c11'))).toHaveLength(1);
    expect(repair.filter((line) => line.includes(' del '))).toEqual([]);
  });
});
