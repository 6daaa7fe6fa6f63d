import { describe, expect, it } from 'vitest';
import type { Link as NetlinkLink } from '#netlink/route/link.ts';
import { ContainerMemory, type SeenContainer } from './container-memory.ts';
import type { ContainerScope } from './kernel.ts';
import { type Port, Ports } from './veth-pair.ts';
import type { Visit } from './visit.ts';

const OVERLAY = 'weft-00000000-7';
const container: ContainerScope = {
  namespace: { path: '/run/netns/c1', dev: 4, inode: 7, cookie: '77' },
  interfaces: ['eth0'],
};

/** `wf1`, whose other end has index 2 in the namespace that the overlay knows by number 3. */
const port = (differing: Partial<NetlinkLink> = {}, cookie = '5'): Port => ({
  visit: { ns: OVERLAY, cookie } as Visit,
  row: { name: 'wf1', index: 9, link: 2, linkNetnsId: 3, kind: 'veth', ...differing } as NetlinkLink,
});

const portsOf = (...all: Port[]): Ports => {
  const ports = new Ports();
  for (const each of all) ports.add(each);
  return ports;
};

const seen: SeenContainer = {
  objects: [{ kind: 'address', ns: container.namespace.path, dev: 'eth0', address: '10.0.0.2/24' as never }],
  ends: [{ port: port(), name: 'eth0' }],
};

function remember({ isHeard = true, what = seen } = {}): ContainerMemory {
  const memory = new ContainerMemory(() => isHeard);
  memory.keep(container, what);
  return memory;
}

describe('container memory', () => {
  it('recalls what was seen, with the ports of today', () => {
    const today = port();
    expect(remember().recall(container, portsOf(today))).toEqual({
      objects: seen.objects,
      ends: [{ port: today, name: 'eth0' }],
    });
  });

  it.each([
    ['the port is gone', portsOf()],
    ['another port has its name', portsOf(port({ index: 10 }))],
    ['its other end is another', portsOf(port({ link: 4 }))],
    ['its other end is in another namespace', portsOf(port({ linkNetnsId: 4 }))],
    ['its overlay was made anew', portsOf(port({}, '6'))],
  ])('forgets when %s', (_, ports) => {
    expect(remember().recall(container, ports)).toBeUndefined();
  });

  it('forgets when another namespace is at the path, or other interfaces are asked for', () => {
    const ports = portsOf(port());
    const other = { ...container, namespace: { ...container.namespace, cookie: '78' } };
    expect(remember().recall(other, ports)).toBeUndefined();
    expect(remember().recall({ ...container, interfaces: ['eth0', 'eth1'] }, ports)).toBeUndefined();
  });

  it('forgets what something is heard of, everything when events were lost, and what is not looked at', () => {
    const ports = portsOf(port());
    const cases: [(memory: ContainerMemory) => void, boolean][] = [
      [(memory) => memory.hear({ dirty: 'namespace', ns: container.namespace.path }), false],
      [(memory) => memory.hear({ dirty: 'namespace', ns: '/run/netns/c2' }), true],
      [(memory) => memory.hear({ dirty: 'all' }), false],
      [(memory) => memory.keepOnly([container]), true],
      [(memory) => memory.keepOnly([]), false],
    ];
    for (const [happens, isKept] of cases) {
      const memory = remember();
      happens(memory);
      expect(memory.recall(container, ports) !== undefined).toBe(isKept);
    }
  });

  it('recalls nothing that is not heard of, nor what no port proves', () => {
    expect(remember({ isHeard: false }).recall(container, portsOf(port()))).toBeUndefined();
    expect(remember({ what: { ...seen, ends: [] } }).recall(container, portsOf(port()))).toBeUndefined();
  });

  it('forgets sixteen of a few at once, and a sixth of many, those first that were read longest ago', () => {
    const memory = new ContainerMemory(() => true);
    const scopes = Array.from({ length: 120 }, (_, i) => ({
      ...container,
      namespace: { ...container.namespace, path: `/run/netns/c${i}`, cookie: `${i}` },
    }));
    const known = () => scopes.flatMap((scope, i) => (memory.recall(scope, portsOf(port())) ? [i] : []));
    for (const scope of scopes) memory.keep(scope, seen);
    memory.keep(scopes[0]!, seen);
    memory.forgetSome();
    expect(known()).toEqual([0, ...Array.from({ length: 99 }, (_, i) => i + 21)]);
    memory.keepOnly(scopes.slice(0, 40));
    memory.forgetSome();
    expect(known()).toEqual([0, 37, 38, 39]);
  });
});
