import { describe, expect, test } from 'vitest';
import type { NetlinkError } from '#netlink/netlink-error.ts';
import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import { encodeNewLink } from '#netlink/route/link.ts';
import {
  decodeNeighbour,
  encodeDeleteNeighbour,
  encodeDumpNeighbours,
  encodeNewNeighbour,
  type NeighbourRequest,
  NTF,
  NUD,
} from '#netlink/route/neighbour.ts';
import { type TestNamespace, withNamespaces } from './netlink-lab.ts';

const ZERO = '00:00:00:00:00:00';
const MAC = '02:42:0a:00:00:05';
const vtep = (n: number) => `192.0.2.${n}`;

/** A bridge with a vxlan port, both up. */
function overlay({ conversation, link }: TestNamespace): { bridge: number; vxlan: number } {
  conversation.request(encodeNewLink({ name: 'br0', kind: 'bridge', up: true }));
  const bridge = link('br0').index;
  const vxlan = { id: 5, local: vtep(1), port: 4789, learning: false, proxy: true };
  conversation.request(encodeNewLink({ name: 'vxlan0', kind: 'vxlan', master: bridge, up: true, vxlan }));
  return { bridge, vxlan: link('vxlan0').index };
}

describe('FDB', () => {
  test('entries of the vxlan itself: flood list, unicast with port, vni and via; append, replace, delete one', () =>
    withNamespaces(1, (ns) => {
      const { vxlan: ifindex } = overlay(ns);
      const { conversation, bridge } = ns;
      const self: NeighbourRequest = { ifindex, family: AF_BRIDGE, flags: NTF.SELF, mac: ZERO };
      for (const n of [2, 3, 3])
        conversation.request(encodeNewNeighbour({ ...self, dst: vtep(n) }, 'append'));
      conversation.request(
        encodeNewNeighbour(
          { ...self, mac: MAC, dst: vtep(2), port: 8472, vni: 9, via: ns.link('lo').index },
          'add',
        ),
      );
      const rows = () => bridge('fdb', 'show', 'dev', 'vxlan0').filter((row: { dst?: string }) => row.dst);
      const destinations = (mac: string) =>
        rows()
          .filter((row: { mac: string }) => row.mac === mac)
          .map((row: { dst: string }) => row.dst)
          .sort();
      expect(destinations(ZERO)).toEqual([vtep(2), vtep(3)]);
      const unicast = rows().find((row: { mac: string }) => row.mac === MAC);
      expect(unicast).toMatchObject({ dst: vtep(2), port: 8472, vni: 9, viaIf: 'lo', state: 'permanent' });

      const ours = conversation.dump(encodeDumpNeighbours(AF_BRIDGE, { ifindex }), decodeNeighbour);
      expect(ours.find(({ mac }) => mac === MAC)).toMatchObject({
        family: AF_BRIDGE,
        ifindex,
        dst: vtep(2),
        port: 8472,
        vni: 9,
        via: ns.link('lo').index,
        state: NUD.PERMANENT,
        flags: NTF.SELF,
        cache: { used: expect.any(Number) },
      });

      conversation.request(encodeNewNeighbour({ ...self, mac: MAC, dst: vtep(7) }, 'replace'));
      expect(destinations(MAC)).toEqual([vtep(7)]);
      conversation.request(encodeDeleteNeighbour({ ...self, dst: vtep(2) }));
      expect(destinations(ZERO)).toEqual([vtep(3)]);
      // The MAC is there, this destination no more: the kernel calls that a success. Without the MAC it does not.
      conversation.request(encodeDeleteNeighbour({ ...self, dst: vtep(2) }));
      expect(destinations(ZERO)).toEqual([vtep(3)]);
      conversation.request(encodeDeleteNeighbour({ ...self, dst: vtep(3) }));
      expect(errorOf(() => conversation.request(encodeDeleteNeighbour({ ...self, dst: vtep(3) }))).code).toBe(
        'ENOENT',
      );
      const again = encodeNewNeighbour({ ...self, mac: MAC, dst: vtep(7) }, 'add');
      expect(errorOf(() => conversation.request(again)).code).toBe('EEXIST');
    }));

  test('entries of the bridge: a static MAC behind a port', () =>
    withNamespaces(1, (ns) => {
      overlay(ns);
      const { conversation, bridge, link } = ns;
      conversation.request(
        encodeNewLink({ name: 'p', kind: 'veth', peer: { name: 'q' }, master: link('br0').index, up: true }),
      );
      const entry: NeighbourRequest = {
        ifindex: link('p').index,
        family: AF_BRIDGE,
        flags: NTF.MASTER,
        state: NUD.NOARP,
        mac: MAC,
      };
      conversation.request(encodeNewNeighbour(entry, 'replace'));
      const seen = bridge('fdb', 'show', 'br', 'br0').find((row: { mac: string }) => row.mac === MAC);
      expect(seen).toMatchObject({ ifname: 'p', master: 'br0', state: 'static' });
      const dump = conversation.dump(
        encodeDumpNeighbours(AF_BRIDGE, { master: link('br0').index }),
        decodeNeighbour,
      );
      expect(dump.find(({ mac }) => mac === MAC)).toMatchObject({
        master: link('br0').index,
        state: NUD.NOARP,
      });
      conversation.request(encodeDeleteNeighbour(entry));
      expect(bridge('fdb', 'show', 'br', 'br0').some((row: { mac: string }) => row.mac === MAC)).toBe(false);
    }));
});

describe('neighbours', () => {
  test('both families, permanent and extern-learn, with the protocol that made them', () =>
    withNamespaces(1, (ns) => {
      const { vxlan: ifindex } = overlay(ns);
      const { conversation, ip } = ns;
      const learned = NUD.REACHABLE;
      conversation.request(
        encodeNewNeighbour({ ifindex, dst: '10.0.0.5', mac: MAC, protocol: 119 }, 'replace'),
      );
      conversation.request(
        encodeNewNeighbour({ ifindex, dst: 'fd00::5', mac: MAC, protocol: 119 }, 'replace'),
      );
      conversation.request(
        encodeNewNeighbour(
          { ifindex, dst: 'fd00::6', mac: MAC, state: learned, flags: NTF.EXT_LEARNED },
          'add',
        ),
      );
      const seen = [...ip('-4', 'neigh', 'show'), ...ip('-6', 'neigh', 'show')].sort(byDst);
      expect(seen).toEqual([
        expect.objectContaining({
          dst: '10.0.0.5',
          lladdr: MAC,
          dev: 'vxlan0',
          state: ['PERMANENT'],
          protocol: '119',
        }),
        expect.objectContaining({ dst: 'fd00::5', state: ['PERMANENT'], protocol: '119' }),
        expect.objectContaining({ dst: 'fd00::6', extern_learn: null, state: ['REACHABLE'] }),
      ]);
      const ours = [2, 10].flatMap((family) =>
        conversation.dump(encodeDumpNeighbours(family, { ifindex }), decodeNeighbour),
      );
      expect(ours.find(({ dst }) => dst === 'fd00::5')).toMatchObject({
        mac: MAC,
        ifindex,
        protocol: 119,
        state: NUD.PERMANENT,
        family: 10,
      });
      conversation.request(encodeDeleteNeighbour({ ifindex, dst: 'fd00::5' }));
      expect(ip('-6', 'neigh', 'show').map((row: { dst: string }) => row.dst)).toEqual(['fd00::6']);
    }));
});

const byDst = (a: { dst: string }, b: { dst: string }) => (a.dst < b.dst ? -1 : 1);

function errorOf(act: () => unknown): NetlinkError {
  try {
    act();
  } catch (error) {
    return error as NetlinkError;
  }
  throw new Error('was not refused');
}
