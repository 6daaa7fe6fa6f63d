import { describe, expect, it } from 'vitest';
import type { Ip } from '#model/ip.ts';
import type { Link } from '#model/kernel-state.ts';
import { exampleNetwork } from './example-network.ts';
import { linkChanges } from './link-request.ts';

const container = { path: '/run/netns/c', dev: 1, inode: 2, cookie: '3' };
const net = exampleNetwork('00000000', '192.0.2.1' as Ip, container);
const [BRIDGE_INDEX, UNDERLAY_INDEX] = [7, 2];
const changes = (wished: Link, was: Partial<Link>) =>
  linkChanges(
    wished,
    was,
    () => BRIDGE_INDEX,
    () => UNDERLAY_INDEX,
  );

describe('the messages that change a link', () => {
  it('are none when nothing differs', () => {
    for (const link of [net.bridge, net.vxlan, net.port, net.peer, net.lo])
      expect(changes(link, link)).toEqual([]);
  });

  it('are none for what is not specified', () => {
    const { mac: _, mtu: __, master: ___, port: ____, addrGenMode: _____, ...bare } = net.port;
    expect(changes(bare, net.port)).toEqual([]);
  });

  it('set addr_gen_mode before up, and the port’s flags after its master', () => {
    const { mac, mtu, detail } = net.port;
    const sent = changes(net.port, { mac, mtu, detail, master: '', up: false });
    expect(sent).toEqual([
      { name: net.port.name, master: BRIDGE_INDEX },
      { name: net.port.name, addrGenMode: 'none' },
      {
        name: net.port.name,
        up: true,
        port: expect.objectContaining({ learning: false, unicastFlood: false }),
      },
    ]);
  });

  it('give all flags of a port that joins a bridge anew', () => {
    const [, last] = changes(net.port, { ...net.port, master: 'br1' });
    expect(last).toMatchObject({ port: { hairpin: false, neighSuppress: false } });
  });

  it('take a port out of its bridge with index 0', () => {
    expect(changes({ ...net.port, master: '', port: undefined }, net.port)).toEqual([
      { name: net.port.name, master: 0 },
    ]);
  });

  it('name of a VXLAN device only what differs, apart from its MTU', () => {
    const { detail } = net.vxlan;
    if (detail.type !== 'vxlan') throw new Error('not a VXLAN device');
    expect(changes({ ...net.vxlan, mtu: 1300, detail: { ...detail, ttl: 9 } }, net.vxlan)).toEqual([
      { name: 'vxlan0', kind: 'vxlan', vxlan: { ttl: 9 } },
      { name: 'vxlan0', mtu: 1300 },
    ]);
  });
});
