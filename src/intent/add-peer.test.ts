import { describe, expect, it } from 'vitest';
import type { Peer } from '#model/records.ts';
import type { AddPeer } from '#model/wish.ts';
import { attachEndpoint, sentences, World } from './test-world.ts';

const MAC = '02:00:00:00:00:09';
const addPeer = (name: string, more: Partial<AddPeer> = {}): AddPeer => ({
  wish: 'add-peer',
  network: 'red',
  name,
  vtep: '198.51.100.9',
  endpoints: [],
  ...more,
});

function world(mode = 'static'): World {
  const it = new World();
  it.host('h1', { underlay: ['198.51.100.1', '2001:db8::1'] });
  it.host('h2', { underlay: ['198.51.100.2'] });
  it.network('red', { mode, subnets: ['10.1.0.0/24'] });
  it.endpoint('red', 'h1', 'c1');
  return it;
}

describe('a peer', () => {
  it('is added, changed by its name, and removed; the same again is nothing', () => {
    const it = world();
    const behind = { endpoints: [{ mac: '02-00-00-00-00-09', addresses: ['10.1.0.200'] }] };
    const peer = it.do(addPeer('Old', behind)).subject as Peer;
    expect(peer.endpoints).toEqual([{ mac: MAC, addresses: ['10.1.0.200'] }]);
    expect(it.do(addPeer('Old', behind)).changes).toEqual([]);
    const moved = it.do(addPeer('old', { vtep: '198.51.100.10' })).subject as Peer;
    expect([moved.id, moved.vtep, moved.endpoints]).toEqual([peer.id, '198.51.100.10', []]);
    it.do({ wish: 'remove-peer', network: 'red', peer: 'OLD' });
    expect(it.snapshot.peers.size).toBe(0);
    expect(it.snapshot.inNetwork(peer.network).peers.size).toBe(0);
  });

  it.each([
    ['a name', { name: 'a b' }, /^name "a b": is not a valid name/],
    ['a VTEP', { vtep: 'h9' }, 'vtep "h9": is not an IP address; write it like 10.1.0.5 or fd00::5'],
    [
      'another family',
      { vtep: '2001:db8::9' },
      /^vtep "2001:db8::9": is not of the network's underlay, IPv4;/,
    ],
    ['loopback', { vtep: '127.0.0.1' }, /^vtep "127.0.0.1": is in 127.0.0.0\/8 \(loopback\)/],
    ['a host', { vtep: '198.51.100.2' }, /^vtep "198.51.100.2": is host h2, which Weft runs;/],
    ['no MAC', { endpoints: [{ mac: 'x', addresses: [] }] }, /^mac "x": is not a MAC address;/],
    [
      'a multicast MAC',
      { endpoints: [{ mac: '01:00:5e:00:00:01', addresses: [] }] },
      /is a multicast address/,
    ],
    ['no IP', { endpoints: [{ mac: MAC, addresses: ['x'] }] }, /^ip "x": is not an IP address/],
    [
      'outside',
      { endpoints: [{ mac: MAC, addresses: ['10.9.0.1'] }] },
      /^ip "10.9.0.1": is outside the network's subnet/,
    ],
    [
      'a block',
      { endpoints: [{ mac: MAC, addresses: ['10.1.0.5'] }] },
      /^ip "10.1.0.5": is in block .* which a host gives from/,
    ],
    [
      'two alike',
      {
        endpoints: [
          { mac: MAC, addresses: [] },
          { mac: MAC, addresses: [] },
        ],
      },
      /^mac .* is taken by another endpoint of this peer/,
    ],
    [
      'two of a family',
      { endpoints: [{ mac: MAC, addresses: ['10.1.0.200', '10.1.0.201'] }] },
      /has two of one family/,
    ],
  ])('is refused with %s', (_, more, sentence) => {
    const { name = 'old', ...rest } = more as Partial<AddPeer>;
    const [reason, ...faults] = sentences(world().ask(addPeer(name, rest)));
    expect(['invalid', 'conflict']).toContain(reason);
    expect(faults).toEqual([typeof sentence === 'string' ? sentence : expect.stringMatching(sentence)]);
  });

  it('keeps what is behind it from others, in blocks to come too', () => {
    const it = world();
    it.do(addPeer('old', { endpoints: [{ mac: MAC, addresses: ['10.1.0.9'] }] }));
    const ask = (more: object) => sentences(it.ask(attachEndpoint('red', 'h2', 'c', more)))[1];
    expect(ask({ addresses: ['10.1.0.9'] })).toMatch(/^ip "10.1.0.9": is taken by peer old/);
    expect(ask({ mac: MAC })).toMatch(/^mac .* is taken by peer old/);
    const { network } = it.endpoint('red', 'h2', 'c');
    const block = () =>
      [...it.snapshot.inNetwork(network).blocks.values()].find(({ cidr }) => cidr === '10.1.0.8/29');
    expect(block()?.except).toEqual(['10.1.0.9']);
    expect(it.do({ wish: 'repair-addresses' }).changes).toEqual([]);
    it.do({ wish: 'remove-peer', network: 'red', peer: 'old' });
    expect(block()?.except).toEqual([]);
  });

  it('has its own VTEP, and no place where Weft answers ARP or two ends are there already', () => {
    const it = world();
    it.do(addPeer('old'));
    expect(sentences(it.ask(addPeer('other')))[1]).toMatch(/^vtep "198.51.100.9": is that of peer old;/);
    expect(
      sentences(it.ask({ wish: 'change-network', network: 'red', mode: 'proxy', force: false }))[1],
    ).toMatch(/^mode "proxy": does not reach who asks from outside Weft: old;/);
    expect(sentences(it.ask({ wish: 'remove-network', network: 'red' }))).toHaveLength(3);
    expect(sentences(world('proxy').ask(addPeer('old')))[1]).toMatch(/^network "red": is in mode proxy,/);
    const pair = world('p2p');
    pair.do(addPeer('old'));
    expect(sentences(pair.ask(attachEndpoint('red', 'h2', 'c')))[1]).toMatch(/between h1 and old/);
    expect(sentences(pair.ask(addPeer('other', { vtep: '198.51.100.8' })))[1]).toMatch(
      /would be a third end/,
    );
  });

  it('of another name or network is absent, with a hint', () => {
    const it = world();
    it.do(addPeer('printer'));
    const remove = (network: string, peer: string) =>
      sentences(it.ask({ wish: 'remove-peer', network, peer }));
    expect(remove('red', 'printr')).toEqual([
      'absent',
      'peer "printr": is not in network red; did you mean printer?',
    ]);
    expect(remove('blue', 'printer')[0]).toBe('absent');
  });
});
