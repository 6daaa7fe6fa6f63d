import { describe, expect, it } from 'vitest';
import type { Network } from '#model/records.ts';
import type { AdvanceChange, ChangeNetwork } from '#model/wish.ts';
import { createNetwork, sentences, World } from './test-world.ts';

const change = (words: Partial<ChangeNetwork> = {}): ChangeNetwork => ({
  wish: 'change-network',
  network: 'red',
  force: false,
  ...words,
});
const advance = ({ id, change }: Network, undo = false): AdvanceChange => ({
  wish: 'advance-change',
  network: id,
  since: change!.since,
  undo,
});

/** A network on two hosts, of which one has a smaller underlay MTU. */
function inUse(): World {
  const it = new World();
  it.host('h1', { takenPorts: [5000] });
  it.host('h2', { underlayMtu: 1450 });
  it.network('red');
  it.endpoint('red', 'h1', 'a');
  it.endpoint('red', 'h2', 'b');
  return it;
}
function finish(it: World): void {
  while (red(it).change) it.do(advance(red(it)));
}
const red = ({ snapshot }: World): Network => snapshot.networkNamed('red')!;

describe('a change of a running network', () => {
  it('goes through its phases, and ends as it was asked for', () => {
    const it = inUse();
    const before = red(it);
    it.do(change({ mode: 'flood', port: 4790, ttl: 9 }));
    const after = { port: 4790, mode: 'flood', mtu: 1400, ttl: 9, device: 1 };
    expect(red(it)).toEqual({
      ...before,
      change: { phase: 'prepare', other: after, since: it.snapshot.revision },
    });
    it.do(advance(red(it)));
    const { port, mode, mtu, ttl } = before;
    expect(red(it)).toEqual({
      ...before,
      ...after,
      change: { phase: 'switch', other: { port, mode, mtu, ttl }, since: it.snapshot.revision },
    });
    it.do(advance(red(it)));
    expect(red(it)).toEqual({ ...before, ...after });
    it.do(change({ port: 4789 }));
    expect(red(it).change!.other).toMatchObject({ port: 4789, device: 0 });
  });

  it('to multicast has a group, and from it none', () => {
    const it = inUse();
    it.do(change({ mode: 'multicast' }));
    finish(it);
    expect(red(it)).toMatchObject({ mode: 'multicast', group: '239.16.0.0' });
    it.do(change({ group: '239.1.1.1' }));
    expect(red(it).change!.other).toMatchObject({ mode: 'multicast', group: '239.1.1.1' });
    finish(it);
    it.do(change({ mode: 'flood' }));
    it.do(advance(red(it)));
    expect(red(it).group).toBeUndefined();
    expect(red(it).change!.other.group).toBe('239.1.1.1');
  });

  it('across the device flags goes by a VNI that nobody has, and ends with its own', () => {
    const it = inUse();
    const before = red(it);
    it.do(change({ mode: 'flood' }));
    const { vni } = before;
    const after = { port: 4789, mode: 'flood', mtu: 1400, ttl: 64 };
    const half = { ...after, transitVni: vni + 1, device: 1 };
    expect(red(it).change).toMatchObject({ phase: 'prepare', other: half, next: after });
    expect(sentences(it.ask(createNetwork('blue', { vni: vni + 1 })))[1]).toContain(
      'is taken by network red',
    );
    expect(it.network('green').vni).toBe(vni + 2);
    it.do(advance(red(it)));
    expect(red(it)).toMatchObject({ ...half, change: { phase: 'switch', next: after } });
    it.do(advance(red(it)));
    expect(red(it)).toMatchObject({ ...half, change: { phase: 'prepare', other: after } });
    expect(red(it).change!.next).toBeUndefined();
    finish(it);
    expect(red(it)).toEqual({ ...before, ...after });
    expect(it.network('yellow').vni).toBe(vni + 1);
  });

  it('together with the UDP port needs no other VNI', () => {
    const it = inUse();
    it.do(change({ mode: 'flood', port: 4790 }));
    expect(red(it).change!.other.transitVni).toBeUndefined();
    expect(red(it).change!.next).toBeUndefined();
  });

  it('to another port says which peers it leaves behind', () => {
    const it = new World();
    it.host('h1');
    it.network('red', { mode: 'flood' });
    it.endpoint('red', 'h1', 'a');
    it.do({ wish: 'add-peer', network: 'red', name: 'old', vtep: '192.0.3.9', endpoints: [] });
    expect(it.do(change({ ttl: 9 })).notices).toEqual([]);
    finish(it);
    expect(it.do(change({ port: 4790 })).notices).toMatchObject([
      { code: 'peers-unchanged', sentence: 'Network red goes to port 4790; its peers old do not.' },
    ]);
  });

  it('ends each phase once, however often that is asked for', () => {
    const it = inUse();
    it.do(change({ mode: 'flood' }));
    const wish = advance(red(it));
    it.do(wish);
    expect(it.do(wish).changes).toEqual([]);
    expect(red(it).change!.phase).toBe('switch');
  });

  it('is taken back while nobody depends on it', () => {
    const it = inUse();
    const before = red(it);
    it.do(change({ mode: 'flood' }));
    it.do(advance(red(it), true));
    expect(red(it)).toEqual(before);
  });

  it('needs no phases where nobody is', () => {
    const it = new World();
    it.network('red');
    it.do(change({ mode: 'flood' }));
    expect(red(it)).toMatchObject({ mode: 'flood' });
    expect(red(it).change).toBeUndefined();
  });

  it('to what is so already is none', () => {
    const it = inUse();
    expect(it.do(change({ mode: 'proxy', mtu: 1400, port: 4789 })).changes).toEqual([]);
  });
});

describe('a change is refused', () => {
  it.each([
    [{ network: 'blue', mode: 'flood' }, ['absent', 'network "blue": there is no such network; known: red']],
    [
      {},
      [
        'invalid',
        'change "nothing": says not what to change; give a mode, port, mtu, ttl, group or port security',
      ],
    ],
    [{ mode: 'magic' }, ['invalid', expect.stringContaining('mode "magic": is not known; choose one of')]],
    [
      { port: 0, mtu: 10, ttl: 256 },
      [
        'invalid',
        'port "0": is not a whole number from 1 to 65535; give one in that range',
        'mtu "10": is not a whole number from 576 to 65485; give one in that range',
        'ttl "256": is not a whole number from 1 to 255; give one in that range',
      ],
    ],
    [
      { port: 5000 },
      [
        'conflict',
        'port "5000": is taken by another program on host h1; use a free UDP port, such as --port 4789',
      ],
    ],
    [
      { mtu: 1440 },
      [
        'conflict',
        'mtu "1440": is more than fits through h2 (1400); give at most 1400, or raise the underlay\'s MTU there',
      ],
    ],
    [
      { mtu: 1000 },
      [
        'invalid',
        'mtu "1000": is below 1280, under which the kernel does no IPv6; give at least 1280, or only an IPv4 subnet',
      ],
    ],
  ] as const)('%j', (words, expected) => {
    const it = inUse();
    const before = red(it);
    expect(sentences(it.try(change(words)))).toEqual(expected);
    expect(red(it)).toBe(before);
  });

  it('of a group where there is none, and of three hosts to a tunnel of two', () => {
    const it = inUse();
    expect(sentences(it.try(change({ group: '239.1.1.1' })))).toEqual([
      'invalid',
      'group "239.1.1.1": makes no sense in mode proxy; give --mode multicast, or leave it out',
    ]);
    expect(sentences(it.ask(change({ mode: 'p2p' })))).toEqual(['admitted']);
    it.host('h3');
    it.endpoint('red', 'h3', 'c');
    expect(sentences(it.try(change({ mode: 'p2p' })))).toEqual([
      'conflict',
      'mode "p2p": has two ends, and network red has h1, h2 and h3; choose another mode, or detach what is on the other hosts',
    ]);
  });

  it('while another is under way', () => {
    const it = inUse();
    it.do(change({ mode: 'flood' }));
    expect(sentences(it.try(change({ mode: 'static' })))).toEqual([
      'conflict',
      'network "red": is being changed (phase prepare); wait until it is done: `weft network inspect` shows the change',
    ]);
  });

  it('where the bridge of somebody else decides', () => {
    const it = new World();
    it.network('red', { adopts: true });
    expect(sentences(it.try(change({ mode: 'proxy', mtu: 1400, port: 4790 })))).toHaveLength(4);
    expect(sentences(it.try(change({ mode: 'flood' })))).toEqual(['admitted']);
  });
});
