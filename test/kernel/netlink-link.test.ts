import { describe, expect, test } from 'vitest';
import type { NetlinkError } from '#netlink/netlink-error.ts';
import { encodeSetBridgePort } from '#netlink/route/bridge-port.ts';
import {
  decodeLink,
  encodeDeleteLink,
  encodeDeleteLinkGroup,
  encodeDumpLinks,
  encodeNewLink,
  encodeSetLink,
  type LinkRequest,
} from '#netlink/route/link.ts';
import { withNamespaces } from './netlink-lab.ts';

const MAC = '02:42:0a:00:00:02';

describe('links made by us are what ip(8) sees', () => {
  test('vxlan over IPv4, with its switches', () =>
    withNamespaces(1, ({ conversation, ip, link }) => {
      conversation.request(
        encodeNewLink({
          name: 'vxlan0',
          mac: MAC,
          mtu: 1450,
          group: 7,
          up: true,
          kind: 'vxlan',
          vxlan: {
            id: 1048576,
            local: '192.0.2.1',
            port: 4789,
            ttl: 64,
            learning: false,
            proxy: true,
            l2miss: true,
            l3miss: true,
            udpCsum: false,
            ageingSeconds: 100,
            limit: 9,
          },
        }),
      );
      const [seen] = ip('link', 'show', 'vxlan0');
      expect(seen).toMatchObject({ ifname: 'vxlan0', address: MAC, mtu: 1450, group: '7' });
      expect(seen.flags).toContain('UP');
      expect(seen.linkinfo.info_data).toMatchObject({
        id: 1048576,
        local: '192.0.2.1',
        port: 4789,
        ttl: 64,
        learning: false,
        proxy: true,
        l2miss: true,
        l3miss: true,
        udp_csum: false,
        ageing: 100,
        limit: 9,
      });
      expect(link('vxlan0')).toMatchObject({
        up: true,
        kind: 'vxlan',
        mac: MAC,
        group: 7,
        vxlan: {
          id: 1048576,
          local: '192.0.2.1',
          port: 4789,
          ttl: 64,
          learning: false,
          proxy: true,
          limit: 9,
        },
      });
    }));

  test('vxlan over IPv6, and towards a multicast group', () =>
    withNamespaces(1, ({ conversation, ip, link }) => {
      const local = 'fd00::1';
      conversation.request(
        encodeNewLink({ name: 'six', kind: 'vxlan', vxlan: { id: 5, local, remote: 'fd00::2', port: 4789 } }),
      );
      expect(ip('link', 'show', 'six')[0].linkinfo.info_data).toMatchObject({
        local6: local,
        remote6: 'fd00::2',
      });
      expect(link('six').vxlan).toMatchObject({ local, remote: 'fd00::2' });
      conversation.request(
        encodeNewLink({
          name: 'multi',
          kind: 'vxlan',
          vxlan: { id: 6, remote: '239.1.1.1', link: link('lo').index, port: 4789, ttl: 5, rsc: true },
        }),
      );
      const data = ip('link', 'show', 'multi')[0].linkinfo.info_data;
      expect(data).toMatchObject({ group: '239.1.1.1', link: 'lo', ttl: 5, rsc: true });
    }));

  test('bridge', () =>
    withNamespaces(1, ({ conversation, ip, link }) => {
      const bridge = { stp: 0, mcastSnooping: false, ageingTime: 12300, forwardDelay: 0 };
      conversation.request(encodeNewLink({ name: 'br0', kind: 'bridge', bridge }));
      expect(ip('link', 'show', 'br0')[0].linkinfo).toMatchObject({
        info_kind: 'bridge',
        info_data: { stp_state: 0, mcast_snooping: 0, ageing_time: 12300, forward_delay: 0 },
      });
      expect(link('br0').bridge).toEqual({ ...bridge, vlanFiltering: false });
    }));

  test('veth whose peer is born in another namespace, named and dressed', () =>
    withNamespaces(2, (host, container) => {
      host.conversation.request(encodeNewLink({ name: 'br0', kind: 'bridge', bridge: {}, up: true }));
      host.conversation.request(
        encodeNewLink({
          name: 'port0',
          master: host.link('br0').index,
          up: true,
          txQueues: 1,
          rxQueues: 1,
          kind: 'veth',
          peer: {
            name: 'eth0',
            mac: MAC,
            mtu: 1400,
            group: 9,
            netnsFd: container.fd,
            txQueues: 1,
            rxQueues: 1,
          },
        }),
      );
      expect(container.ip('link', 'show', 'eth0')[0]).toMatchObject({
        ifname: 'eth0',
        address: MAC,
        mtu: 1400,
        group: '9',
        operstate: 'DOWN',
        linkinfo: { info_kind: 'veth' },
        num_tx_queues: 1,
      });
      expect(host.ip('link', 'show', 'port0')[0]).toMatchObject({ master: 'br0', num_rx_queues: 1 });
      const ours = host.link('port0');
      expect(ours).toMatchObject({ kind: 'veth', up: true, carrier: 0 });
      expect(ours.link).toBe(container.link('eth0').index);
      expect(ours.linkNetnsId).toBeTypeOf('number');
    }));

  test('macvlan', () =>
    withNamespaces(1, ({ conversation, ip, link }) => {
      conversation.request(encodeNewLink({ name: 'under', kind: 'veth', peer: { name: 'far' } }));
      conversation.request(
        encodeNewLink({
          name: 'mv',
          link: link('under').index,
          mac: MAC,
          kind: 'macvlan',
          macvlan: { mode: 'bridge' },
        }),
      );
      expect(ip('link', 'show', 'mv')[0]).toMatchObject({
        address: MAC,
        link: 'under',
        linkinfo: { info_kind: 'macvlan', info_data: { mode: 'bridge' } },
      });
      expect(link('mv').macvlan).toMatchObject({ mode: 'bridge' });
    }));

  test('vxlan born in another namespace keeps its socket here', () =>
    withNamespaces(2, (underlay, overlay) => {
      const vxlan = { id: 77, local: '192.0.2.1', port: 4789 };
      underlay.conversation.request(
        encodeNewLink({ name: 'vxlan0', netnsFd: overlay.fd, kind: 'vxlan', vxlan }),
      );
      expect(overlay.ip('link', 'show', 'vxlan0')[0].link_netnsid).toBeTypeOf('number');
      expect(overlay.link('vxlan0').linkNetnsId).toBeTypeOf('number');
      expect(underlay.ip('link').length).toBe(1);
    }));
});

describe('changes and deletes', () => {
  test('set: name, MTU, master, group, queue length, alias, up and down', () =>
    withNamespaces(1, ({ conversation, ip, link }) => {
      conversation.request(encodeNewLink({ name: 'br0', kind: 'bridge' }));
      conversation.request(encodeNewLink({ name: 'a', kind: 'veth', peer: { name: 'b' } }));
      const { index } = link('a');
      const master = link('br0').index;
      conversation.request(
        encodeSetLink({
          index,
          name: 'renamed',
          mtu: 1300,
          master,
          group: 3,
          txQueueLength: 55,
          alias: 'wö',
          up: true,
        }),
      );
      expect(ip('link', 'show', 'renamed')[0]).toMatchObject({
        mtu: 1300,
        master: 'br0',
        group: '3',
        txqlen: 55,
        ifalias: 'wö',
      });
      expect(link('renamed')).toMatchObject({ up: true, alias: 'wö', txQueueLength: 55, master });
      conversation.request(encodeSetLink({ name: 'renamed', master: 0, up: false }));
      expect(link('renamed')).toMatchObject({ up: false });
      expect(link('renamed').master).toBeUndefined();
    }));

  test('addrGenMode none, set before up, leaves a device without link-local address', () =>
    withNamespaces(1, ({ conversation, ip, link }) => {
      for (const name of ['quiet', 'talkative']) {
        conversation.request(encodeNewLink({ name, kind: 'bridge' }));
      }
      conversation.request(encodeSetLink({ name: 'quiet', addrGenMode: 'none' }));
      for (const name of ['quiet', 'talkative']) conversation.request(encodeSetLink({ name, up: true }));
      expect(ip('link', 'show', 'quiet')[0].inet6_addr_gen_mode).toBe('none');
      expect(link('quiet').addrGenMode).toBe('none');
      const inet6 = (name: string) =>
        ip('-6', 'addr', 'show', 'dev', name).flatMap((row: { addr_info: [] }) => row.addr_info);
      expect(inet6('quiet').filter(Boolean)).toEqual([]);
      expect(inet6('talkative').filter(Boolean).length).toBe(1);
    }));

  test('bridge port flags, by RTM_SETLINK and by the slave data of RTM_NEWLINK', () =>
    withNamespaces(1, ({ conversation, ip, link }) => {
      conversation.request(encodeNewLink({ name: 'br0', kind: 'bridge' }));
      conversation.request(
        encodeNewLink({ name: 'p', kind: 'veth', peer: { name: 'q' }, master: link('br0').index }),
      );
      const { index } = link('p');
      const off = { learning: false, unicastFlood: false, mcastFlood: false, bcastFlood: false };
      const on = { hairpin: true, neighSuppress: true, isolated: true };
      const data = () => ip('link', 'show', 'p')[0].linkinfo.info_slave_data;
      conversation.request(encodeSetBridgePort(index, { ...off, ...on }));
      expect(link('p').port).toMatchObject({ ...off, ...on });
      expect(data()).toMatchObject({
        learning: false,
        flood: false,
        mcast_flood: false,
        bcast_flood: false,
        hairpin: true,
        neigh_suppress: true,
        isolated: true,
      });
      const back = { learning: true, unicastFlood: true, mcastFlood: true, bcastFlood: true };
      conversation.request(encodeSetLink({ index, port: { ...back, isolated: false } }));
      expect(link('p').port).toMatchObject({ ...back, hairpin: true, isolated: false });
      expect(data()).toMatchObject({
        learning: true,
        flood: true,
        bcast_flood: true,
        isolated: false,
        hairpin: true,
      });
    }));

  test('a group goes at once and the others stay', () =>
    withNamespaces(1, ({ conversation, ip }) => {
      for (const i of [1, 2, 3]) {
        conversation.request(
          encodeNewLink({ name: `doomed${i}`, group: 0x77656674, kind: 'veth', peer: { name: `peer${i}` } }),
        );
      }
      conversation.request(encodeNewLink({ name: 'stays', kind: 'bridge' }));
      conversation.request(encodeDeleteLinkGroup(0x77656674));
      expect(ip('link').map((row: { ifname: string }) => row.ifname)).toEqual(['lo', 'stays']);
      conversation.request(encodeDeleteLink({ name: 'stays' }));
      expect(() => conversation.request(encodeDeleteLink({ name: 'stays' }))).toThrow(/ENODEV/);
    }));

  test('a dump can be of one kind or one master', () =>
    withNamespaces(1, ({ conversation, link }) => {
      conversation.request(encodeNewLink({ name: 'br0', kind: 'bridge' }));
      conversation.request(
        encodeNewLink({ name: 'p', kind: 'veth', peer: { name: 'q' }, master: link('br0').index }),
      );
      const names = (only: Parameters<typeof encodeDumpLinks>[0]) =>
        conversation.dump(encodeDumpLinks(only), decodeLink).map(({ name }) => name);
      expect(names({}).sort()).toEqual(['br0', 'lo', 'p', 'q']);
      expect(names({ kind: 'bridge' })).toEqual(['br0']);
      expect(names({ master: link('br0').index })).toEqual(['p']);
    }));
});

test('what one message cannot do', () =>
  withNamespaces(1, ({ conversation, link }) => {
    const refusal = (link: LinkRequest, encode = encodeNewLink) => {
      try {
        conversation.request(encode(link));
      } catch (error) {
        return (error as NetlinkError).code;
      }
    };
    conversation.request(encodeNewLink({ name: 'br0', kind: 'bridge' }));
    const master = link('br0').index;
    const port = { learning: false };
    expect(refusal({ name: 'x', kind: 'bridge', addrGenMode: 'none' })).toBe('EAFNOSUPPORT');
    expect(refusal({ name: 'x', kind: 'veth', peer: { name: 'y', up: true } })).toBe('ENOTCONN');
    expect(refusal({ name: 'a', kind: 'veth', peer: { name: 'b' }, master, port })).toBeUndefined();
    expect(link('a').port?.learning).toBe(true); // ignored
    expect(refusal({ name: 'b', master, port }, encodeSetLink)).toBe('EOPNOTSUPP');
    expect(link('b').master).toBeUndefined();
    const vxlan = { id: 5, port: 4789, local: '192.0.2.1' };
    conversation.request(encodeNewLink({ name: 'vxlan0', kind: 'vxlan', vxlan }));
    expect(refusal({ name: 'vxlan0', kind: 'vxlan', vxlan: { proxy: true } }, encodeSetLink)).toBe(
      'EOPNOTSUPP',
    );
    expect(
      refusal({ name: 'vxlan0', kind: 'vxlan', vxlan: { id: 5, learning: false } }, encodeSetLink),
    ).toBeUndefined();
    expect(link('vxlan0').vxlan).toMatchObject({ ...vxlan, learning: false });
  }));

test('indexes can be chosen, at both ends', () =>
  withNamespaces(1, ({ conversation, link }) => {
    conversation.request(
      encodeNewLink({ index: 777, name: 'a', kind: 'veth', peer: { name: 'b', index: 888 } }),
    );
    expect([link('a').index, link('b').index]).toEqual([777, 888]);
  }));
