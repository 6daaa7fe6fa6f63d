import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { openWatchtower, type RouteEvent, subscribe } from '#netlink/events.ts';
import { RTM } from '#netlink/message.ts';
import { decodeAddress, encodeNewAddress } from '#netlink/route/address.ts';
import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import { decodeLink, encodeDeleteLink, encodeNewLink, encodeSetLink } from '#netlink/route/link.ts';
import { decodeNeighbour, encodeNewNeighbour, NTF, NUD } from '#netlink/route/neighbour.ts';
import { run, type TestNamespace, withNamespaces } from './netlink-lab.ts';

/** What was heard, decoded while the message is valid. */
function recorder() {
  const heard: { what: string; nsid: number | undefined; value?: unknown }[] = [];
  const onEvent = (event: RouteEvent) => {
    if (event.kind === 'overrun') return void heard.push({ what: 'overrun', nsid: undefined });
    const { message, nsid } = event;
    const decoded = {
      [RTM.NEWLINK]: ['link', decodeLink],
      [RTM.DELLINK]: ['link gone', decodeLink],
      [RTM.NEWNEIGH]: ['neighbour', decodeNeighbour],
      [RTM.GETNEIGH]: ['miss', decodeNeighbour],
      [RTM.NEWADDR]: ['address', decodeAddress],
    }[message.type] as [string, (m: typeof message) => unknown] | undefined;
    heard.push({ what: decoded?.[0] ?? `type ${message.type}`, nsid, value: decoded?.[1](message) });
  };
  return {
    heard,
    onEvent,
    values: (what: string) => heard.filter((h) => h.what === what).map((h) => h.value),
  };
}

/** Events come with the event loop's next turns; a hundred milliseconds is long, where nobody else computes. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 4000 && !condition(); i++) await sleep(5);
  expect(condition()).toBe(true);
}

const entry = (ifindex: number, n: number) =>
  encodeNewNeighbour(
    {
      family: AF_BRIDGE,
      ifindex,
      flags: NTF.SELF,
      mac: `02:42:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`,
      dst: '192.0.2.2',
    },
    'add',
  );

function vxlan({ conversation, link }: TestNamespace, more: object = {}): number {
  const vxlan = { id: 5, local: '192.0.2.1', port: 4789, learning: false, ...more };
  conversation.request(encodeNewLink({ name: 'vxlan0', kind: 'vxlan', vxlan, up: true }));
  return link('vxlan0').index;
}

describe('one namespace', () => {
  test('links, addresses and neighbours that come and go are told, in order', () =>
    withNamespaces(1, async ({ conversation, fd, link }) => {
      const { heard, onEvent, values } = recorder();
      const subscription = subscribe({ netnsFd: fd, groups: ['LINK', 'NEIGH', 'IPV4_IFADDR'] }, onEvent);
      try {
        conversation.request(encodeNewLink({ name: 'br0', kind: 'bridge', up: true }));
        const { index: ifindex } = link('br0');
        conversation.request(encodeNewAddress({ ifindex, address: '10.0.0.1', prefixLength: 24 }, 'add'));
        conversation.request(
          encodeNewNeighbour({ ifindex, dst: '10.0.0.9', mac: '02:42:00:00:00:09' }, 'add'),
        );
        conversation.request(encodeDeleteLink({ index: ifindex }));
        await until(() => values('link gone').length > 0);
        expect(values('link')).toContainEqual(expect.objectContaining({ name: 'br0', kind: 'bridge' }));
        expect(values('address')).toMatchObject([{ address: '10.0.0.1', ifindex }]);
        expect(values('neighbour')).toContainEqual(expect.objectContaining({ dst: '10.0.0.9', ifindex }));
        const order = heard.map(({ what }) => what);
        expect(order.indexOf('link')).toBeLessThan(order.indexOf('address'));
      } finally {
        subscription.close();
        subscription.close();
      }
      const before = heard.length;
      conversation.request(encodeNewLink({ name: 'unheard', kind: 'bridge' }));
      await sleep(30);
      expect(heard.length).toBe(before);
    }));

  test('an overrun is told, once the loss has happened, and events go on afterwards', () =>
    withNamespaces(1, async (ns) => {
      const ifindex = vxlan(ns);
      const { heard, onEvent, values } = recorder();
      const subscription = subscribe(
        { netnsFd: ns.fd, groups: ['NEIGH'], receiveBufferBytes: 4096 },
        onEvent,
      );
      try {
        expect(
          ns.conversation.batch(Array.from({ length: 2000 }, (_, n) => entry(ifindex, n))).filter(Boolean),
        ).toEqual([]);
        await until(() => heard.some(({ what }) => what === 'overrun'));
        await sleep(20);
        expect(values('neighbour').length).toBeLessThan(2000);
        heard.length = 0;
        ns.conversation.request(entry(ifindex, 3000));
        await until(() => heard.length > 0);
        expect(values('neighbour')).toMatchObject([{ mac: '02:42:00:00:0b:b8' }]);
        // And a second overrun is told as the first was.
        ns.conversation.batch(Array.from({ length: 2000 }, (_, n) => entry(ifindex, 10000 + n)));
        await until(() => heard.some(({ what }) => what === 'overrun'));
      } finally {
        subscription.close();
      }
    }));

  test('one that cannot be decoded counts as lost, and those behind it are heard', () =>
    withNamespaces(1, async ({ conversation, fd }) => {
      const heard: string[] = [];
      const subscription = subscribe({ netnsFd: fd, groups: ['LINK'] }, (event) => {
        if (event.kind === 'overrun') return void heard.push('overrun');
        const { name } = decodeLink(event.message);
        if (name === 'odd') decodeLink({ ...event.message, body: event.message.body.subarray(0, 3) });
        heard.push(name!);
      });
      try {
        for (const name of ['odd', 'x']) conversation.request(encodeNewLink({ name, kind: 'bridge' }));
        await until(() => heard.length === 2);
        expect(heard).toEqual(['overrun', 'x']);
      } finally {
        subscription.close();
      }
    }));

  test('dropped types cost nothing, misses still pass; both kinds of miss are told apart', () =>
    withNamespaces(1, async (ns) => {
      const ifindex = vxlan(ns, { proxy: true, l2miss: true, l3miss: true });
      const { conversation, name, link } = ns;
      // A container behind the bridge that holds the vxlan; what the local stack asks itself makes no l3miss.
      conversation.request(encodeNewLink({ name: 'br0', kind: 'bridge', up: true }));
      const master = link('br0').index;
      conversation.request(encodeSetLink({ index: ifindex, master }));
      run('ip', '-n', name, 'addr', 'add', '10.0.0.1/24', 'dev', 'br0');
      const { heard, onEvent, values } = recorder();
      const subscription = subscribe(
        { netnsFd: ns.fd, groups: ['NEIGH'], receiveBufferBytes: 8192 },
        onEvent,
      );
      try {
        subscription.drop([RTM.NEWNEIGH, RTM.DELNEIGH]);
        conversation.batch(Array.from({ length: 2000 }, (_, n) => entry(ifindex, n)));
        conversation.request(
          encodeNewNeighbour(
            { ifindex: master, dst: '10.0.0.8', mac: '02:42:00:ff:00:08', state: NUD.PERMANENT },
            'add',
          ),
        );
        run('sh', '-c', `ip netns exec ${name} ping -c1 -W1 10.0.0.9 || true`);
        run('sh', '-c', `ip netns exec ${name} ping -c1 -W1 10.0.0.8 || true`);
        await until(() => values('miss').length >= 2);
        expect(new Set(heard.map(({ what }) => what))).toEqual(new Set(['miss']));
        const misses = values('miss') as { dst?: string; mac?: string; ifindex: number }[];
        expect(misses.find(({ dst }) => dst === '10.0.0.9')).toMatchObject({ ifindex, family: 2 });
        expect(misses.find(({ mac }) => mac === '02:42:00:ff:00:08')).toMatchObject({ ifindex });
        expect(misses.every(({ dst, mac }) => (dst === undefined) !== (mac === undefined))).toBe(true);
        subscription.drop([]);
        conversation.request(entry(ifindex, 4000));
        await until(() => values('neighbour').length > 0);
      } finally {
        subscription.close();
      }
    }));
});

describe('many namespaces with one socket', () => {
  test('events carry the number of their namespace; others are not heard', () =>
    withNamespaces(3, async (one, two, stranger) => {
      const { heard, onEvent, values } = recorder();
      const tower = openWatchtower({ groups: ['LINK', 'NEIGH'] }, onEvent);
      try {
        const [first, second] = [tower.add(one.fd), tower.add(two.fd)];
        expect(first).not.toBe(second);
        expect(tower.add(one.fd)).toBe(first);
        for (const ns of [stranger, one, two])
          ns.conversation.request(encodeNewLink({ name: 'x', kind: 'bridge' }));
        await until(() => values('link').length >= 2);
        await sleep(20);
        expect(new Set(heard.map(({ nsid }) => nsid))).toEqual(new Set([first, second]));
      } finally {
        tower.close();
      }
    }));
});

test('hearing the own namespace needs no privilege', () => {
  const euid = process.geteuid!();
  process.seteuid!(65534);
  try {
    subscribe({ groups: ['LINK', 'IPV4_ROUTE', 'IPV6_IFADDR', 'IPV6_ROUTE'] }, () => {}).close();
    expect(() => openWatchtower({ groups: ['LINK'] }, () => {})).toThrow(/unshare: EPERM/);
  } finally {
    process.seteuid!(euid);
  }
});
