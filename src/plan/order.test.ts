import { describe, expect, it } from 'vitest';
import type { Ip } from '#model/ip.ts';
import { emptyKernelState, type KernelState, kernelStateOf, type Link } from '#model/kernel-state.ts';
import type { StoredRecord } from '#model/records.ts';
import { desired } from './desired.ts';
import { diff } from './diff.ts';
import { order } from './order.ts';
import { testEndpoint, testFacts, testHost, testNetwork, testView } from './test-world.ts';

const records: StoredRecord[] = [
  testHost(1),
  testHost(2),
  testNetwork(1, 'proxy'),
  testEndpoint(11, 1, 1),
  testEndpoint(21, 1, 2),
];
const view = testView(records);
const facts = testFacts(view);

function stepsFrom(seen: KernelState, world = records): string[] {
  const next = testView(world);
  const ranked = order(diff(desired(next, testFacts(next)), seen, facts));
  return ranked.map(({ op: { verb, object } }) => {
    const name = object.kind === 'link' ? object.name : 'dev' in object ? object.dev.slice(0, 6) : '';
    return `${verb} ${object.kind} ${name.replace(/^p.*/, 'port')}`.trim();
  });
}

const runs = (steps: string[]) => steps.filter((step, i) => step !== steps[i - 1]);

describe('the order of ops', () => {
  it('builds from the far end of the first frame back: the container opens last', () => {
    const lo: Link = {
      kind: 'link',
      ns: '/run/netns/c11',
      name: 'lo',
      up: false,
      detail: { type: 'loopback' },
    };
    expect(runs(stepsFrom(kernelStateOf([lo])))).toEqual([
      'add namespace',
      'add setting',
      'add link br0',
      'add set',
      'add element',
      'add chain',
      'add address br0',
      'add link vxlan0',
      'add fdb vxlan0',
      'add neighbour vxlan0',
      'add link wfg100001',
      'add link port',
      'add fdb br0',
      'add fdb port',
      'add link eth1',
      'change link lo',
      'add link up0',
      'add address wfg100',
      'add address eth1',
      'add address up0',
      'add route eth1',
      'add route up0',
    ]);
  });

  it('adds the new place of what moved before it forgets the old', () => {
    const moved = records.map((record) =>
      record.id === testHost(2).id ? testHost(2, { underlay: ['10.99.0.3' as Ip] }) : record,
    );
    expect(stepsFrom(desired(view, facts), moved)).toEqual([
      'add element',
      'add fdb vxlan0',
      'change fdb vxlan0',
      'delete fdb vxlan0',
      'delete element',
    ]);
  });

  it('forgets who asks before where it was', () => {
    const left = records.filter(({ id }) => id !== testEndpoint(21, 1, 2).id);
    expect(runs(stepsFrom(desired(view, facts), left))).toEqual([
      'delete neighbour vxlan0',
      'delete fdb vxlan0',
      'delete element',
    ]);
  });

  it('clears the way of what is built anew, first of all', () => {
    const other = records.map((record) => (record.kind === 'network' ? testNetwork(1, 'flood') : record));
    expect(runs(stepsFrom(desired(view, facts), other))).toEqual([
      'delete link vxlan0',
      'add link vxlan0',
      'add fdb vxlan0',
    ]);
  });

  it('says why, with ranks that never fall', () => {
    const ranked = order(diff(desired(view, facts), emptyKernelState(), facts));
    const ranks = ranked.map(({ rank }) => rank);
    expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
    for (const { reason } of ranked) expect(reason.length).toBeGreaterThan(10);
  });
});
