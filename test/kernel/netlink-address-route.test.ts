import { describe, expect, test } from 'vitest';
import { NetlinkError } from '#netlink/netlink-error.ts';
import {
  decodeAddress,
  encodeDeleteAddress,
  encodeDumpAddresses,
  encodeNewAddress,
  IFA_F,
  RT_SCOPE,
} from '#netlink/route/address.ts';
import { encodeNewLink, encodeSetLink } from '#netlink/route/link.ts';
import {
  decodeRoute,
  encodeDeleteRoute,
  encodeDumpRoutes,
  encodeGetRoute,
  encodeNewRoute,
  RTN,
  RTNH_F,
} from '#netlink/route/route.ts';
import { type TestNamespace, withNamespaces } from './netlink-lab.ts';

/** Two ends of a veth, both up; returns the ifindex of `eth0`. */
function wire({ conversation, link }: TestNamespace): number {
  conversation.request(encodeNewLink({ name: 'eth0', kind: 'veth', peer: { name: 'far' } }));
  for (const name of ['far', 'eth0']) conversation.request(encodeSetLink({ name, up: true }));
  return link('eth0').index;
}

describe('addresses', () => {
  test('both families: add, refuse twice, replace, list, delete', () =>
    withNamespaces(1, (ns) => {
      const ifindex = wire(ns);
      const { conversation, ip } = ns;
      const four = { ifindex, address: '10.0.0.2', prefixLength: 24, broadcast: '10.0.0.255' };
      const six = { ifindex, address: 'fd00::2', prefixLength: 64, flags: IFA_F.NODAD | IFA_F.NOPREFIXROUTE };
      for (const address of [four, six]) conversation.request(encodeNewAddress(address, 'add'));
      expect(() => conversation.request(encodeNewAddress(four, 'add'))).toThrow(/EEXIST/);
      for (const address of [four, six]) conversation.request(encodeNewAddress(address, 'replace'));
      const info = ip('addr', 'show', 'dev', 'eth0')[0].addr_info;
      expect(info).toContainEqual(
        expect.objectContaining({
          local: '10.0.0.2',
          prefixlen: 24,
          broadcast: '10.0.0.255',
          scope: 'global',
        }),
      );
      expect(info).toContainEqual(
        expect.objectContaining({ local: 'fd00::2', prefixlen: 64, nodad: true, noprefixroute: true }),
      );
      const ours = conversation.dump(encodeDumpAddresses({ ifindex }), decodeAddress);
      expect(ours).toContainEqual(
        expect.objectContaining({
          family: 2,
          ifindex,
          address: '10.0.0.2',
          prefixLength: 24,
          scope: RT_SCOPE.UNIVERSE,
        }),
      );
      const sixth = ours.find(({ address }) => address === 'fd00::2')!;
      expect(sixth.flags & six.flags).toBe(six.flags);
      expect(sixth.lifetime).toEqual({ preferredSeconds: 0xffffffff, validSeconds: 0xffffffff });
      for (const address of [four, six]) conversation.request(encodeDeleteAddress(address));
      expect(() => conversation.request(encodeDeleteAddress(four))).toThrow(/EADDRNOTAVAIL/);
      expect(ip('addr', 'show', 'dev', 'eth0')[0].addr_info).toHaveLength(1); // the link-local one
    }));

  test('a point-to-point address tells its peer', () =>
    withNamespaces(1, (ns) => {
      wire(ns);
      ns.ip('addr', 'add', '10.9.0.1', 'peer', '10.9.0.2', 'dev', 'eth0');
      const rows = ns.conversation.dump(encodeDumpAddresses({ family: 2 }), decodeAddress);
      expect(rows).toMatchObject([
        { address: '10.9.0.1', peer: '10.9.0.2', prefixLength: 32, label: 'eth0' },
      ]);
    }));
});

describe('routes', () => {
  test('through a device, through a gateway, default, with metric, source, MTU, table; replace, delete by protocol', () =>
    withNamespaces(1, (ns) => {
      const oif = wire(ns);
      const { conversation, ip } = ns;
      conversation.request(encodeNewAddress({ ifindex: oif, address: '10.0.0.2', prefixLength: 24 }, 'add'));
      conversation.request(
        encodeNewAddress({ ifindex: oif, address: 'fd00::2', prefixLength: 64, flags: IFA_F.NODAD }, 'add'),
      );
      const routes = [
        { dst: '10.1.0.0', dstLength: 16, oif, protocol: 119 },
        {
          gateway: '10.0.0.1',
          oif,
          protocol: 119,
          priority: 50,
          prefSource: '10.0.0.2',
          metrics: { mtu: 1400 },
        },
        { dst: '172.16.0.0', dstLength: 12, gateway: '192.0.2.9', oif, flags: RTNH_F.ONLINK, table: 1000 },
        { gateway: 'fd00::1', oif, protocol: 119 },
        { dst: 'fd01::', dstLength: 48, oif, protocol: 119 },
        { dst: '10.2.0.0', dstLength: 16, type: RTN.BLACKHOLE, scope: 0, protocol: 119 },
      ];
      for (const route of routes) conversation.request(encodeNewRoute(route, 'add'));
      const [deviceRoute] = routes;
      expect(() => conversation.request(encodeNewRoute(deviceRoute!, 'add'))).toThrow(/EEXIST/);
      conversation.request(encodeNewRoute({ ...deviceRoute, oif }, 'replace'));

      const four = ip('-4', 'route', 'show', 'table', 'all');
      expect(four).toContainEqual(
        expect.objectContaining({ dst: '10.1.0.0/16', dev: 'eth0', protocol: '119', scope: 'link' }),
      );
      expect(four).toContainEqual(
        expect.objectContaining({
          dst: 'default',
          gateway: '10.0.0.1',
          metric: 50,
          prefsrc: '10.0.0.2',
          metrics: [{ mtu: 1400 }],
        }),
      );
      expect(four).toContainEqual(
        expect.objectContaining({
          dst: '172.16.0.0/12',
          gateway: '192.0.2.9',
          table: '1000',
          flags: ['onlink'],
        }),
      );
      expect(four).toContainEqual(expect.objectContaining({ dst: '10.2.0.0/16', type: 'blackhole' }));
      const six = ip('-6', 'route', 'show');
      expect(six).toContainEqual(
        expect.objectContaining({ dst: 'default', gateway: 'fd00::1', protocol: '119' }),
      );
      expect(six).toContainEqual(expect.objectContaining({ dst: 'fd01::/48', dev: 'eth0' }));

      const ours = conversation.dump(encodeDumpRoutes({ protocol: 119 }), decodeRoute);
      expect(ours).toHaveLength(5);
      expect(ours.find(({ gateway }) => gateway === '10.0.0.1')).toMatchObject({
        family: 2,
        dstLength: 0,
        oif,
        priority: 50,
        prefSource: '10.0.0.2',
        metrics: { mtu: 1400 },
        table: 254,
      });
      const far = conversation.dump(encodeDumpRoutes({ family: 2, table: 1000 }), decodeRoute);
      expect(far).toMatchObject([{ dst: '172.16.0.0', dstLength: 12, table: 1000, flags: RTNH_F.ONLINK }]);

      const source = decodeRoute(conversation.ask(encodeGetRoute('10.1.7.7')));
      expect(source).toMatchObject({ dst: '10.1.7.7', prefSource: '10.0.0.2', oif });

      const stranger = { ...deviceRoute, protocol: 4 };
      expect(() => conversation.request(encodeDeleteRoute(stranger))).toThrow(/ESRCH/);
      conversation.request(encodeDeleteRoute({ dst: '10.1.0.0', dstLength: 16, protocol: 119 }));
      expect(() => conversation.request(encodeDeleteRoute(deviceRoute!))).toThrow(/ESRCH/);
      conversation.request(encodeDeleteRoute({ family: 10, gateway: 'fd00::1', protocol: 119 }));
      expect(ip('-6', 'route', 'show').some((row: { dst: string }) => row.dst === 'default')).toBe(false);
    }));

  test("the kernel's reason for a refusal comes along", () =>
    withNamespaces(1, (ns) => {
      const oif = wire(ns);
      try {
        ns.conversation.request(
          encodeNewRoute({ dst: '10.1.0.0', dstLength: 16, gateway: '192.0.2.1', oif }, 'add'),
        );
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(NetlinkError);
        expect(error).toMatchObject({
          code: 'ENETUNREACH',
          text: 'Nexthop has invalid gateway',
          retryable: false,
        });
      }
    }));
});
