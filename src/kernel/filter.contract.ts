import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Chain,
  countIn,
  drop,
  type Element,
  type FilterSet,
  goTo,
  is,
  isIn,
  isNotIn,
  type Rule,
  rule,
  type SetShape,
  setMark,
} from '#model/filter.ts';
import {
  arpSource,
  etherSource,
  etherType,
  icmpv6Type,
  iifname,
  ipSource,
  l4proto,
  mark,
  vxlanVni,
} from '#model/filter-fields.ts';
import type { KernelObject } from '#model/kernel-state.ts';
import { add, del, type Stage } from './contract-stage.ts';

/** What must hold for rules and sets, in an overlay's namespace and the host's own. */
export function filterContract(at: () => Stage): void {
  let stage: Stage;
  let filters: Filters;
  const seen = async () => {
    const { set, element, chain } = await stage.observe();
    return { set: [...set.values()], element: [...element.values()], chain: [...chain.values()] };
  };

  describe('filters', () => {
    beforeEach(async () => {
      stage = at();
      filters = examples(stage.net.ns);
      await stage.applyAll(add({ kind: 'namespace', ns: stage.net.ns }));
    });

    it('are read back as they were written', async () => {
      await stage.applyAll(...filters.all.map(add));
      const { set, element, chain } = await seen();
      expect(set).toHaveLength(3);
      expect(set).toEqual(expect.arrayContaining([filters.known, filters.counted, filters.tunnels]));
      expect(element).toHaveLength(3);
      expect(element).toEqual(expect.arrayContaining([filters.first, filters.second, filters.tunnel]));
      const asSeen = [filters.target, filters.base].map((each) => ({
        ...each,
        rules: each.rules.map(({ text }) => ({ text })),
      }));
      expect(chain).toHaveLength(2);
      expect(chain).toEqual(expect.arrayContaining(asSeen));
    });

    it('are the same when written a second time', async () => {
      await stage.applyAll(...filters.all.map(add));
      const before = await stage.observe();
      await stage.applyAll(...filters.all.map(add));
      expect(await stage.observe()).toEqual(before);
    });

    it('leave no trace when deleted, in any order that nothing is named in', async () => {
      await stage.applyAll(...filters.all.map(add));
      await stage.applyAll(...[filters.base, filters.target, ...filters.elements, ...filters.sets].map(del));
      expect(await seen()).toEqual({ set: [], element: [], chain: [] });
      await stage.applyAll(...filters.all.map(del));
    });

    it('change their rules in place', async () => {
      await stage.applyAll(...filters.all.map(add));
      const changed = { ...filters.base, rules: filters.base.rules.slice(1) };
      await stage.applyAll({ verb: 'change', object: changed, was: filters.base });
      expect((await seen()).chain.find(({ name }) => name === 'base')?.rules).toHaveLength(
        changed.rules.length,
      );
    });

    it('hear at another place when that changes', async () => {
      await stage.applyAll(...filters.all.map(add));
      const changed: Chain = {
        ...filters.base,
        hook: { ...filters.base.hook!, hook: 'forward', policy: 'drop' },
      };
      await stage.applyAll({ verb: 'change', object: changed, was: filters.base });
      expect((await seen()).chain.find(({ name }) => name === 'base')?.hook).toEqual(changed.hook);
    });

    it('are refused one by one, and the others are written', async () => {
      const nowhere: Element = { ...filters.first, set: { ...filters.first.set, name: 'nowhere' } };
      const results = await stage.apply(add(filters.known), add(nowhere), add(filters.second));
      expect(results.map((result) => result.ok || result.error.errno)).toEqual([true, 'ENOENT', true]);
      expect((await seen()).element).toEqual([filters.second]);
    });

    it('do not lose a set that a rule asks', async () => {
      await stage.applyAll(...filters.all.map(add));
      const [result] = await stage.apply(del(filters.known));
      expect(result).toMatchObject({ ok: false, error: { errno: 'EBUSY' } });
    });

    it('go with their namespace', async () => {
      await stage.applyAll(...filters.all.map(add));
      await stage.applyAll(del({ kind: 'namespace', ns: stage.net.ns }));
      expect(await seen()).toEqual({ set: [], element: [], chain: [] });
    });

    it('stand in the host’s own namespace too, more than one transaction of them', async () => {
      const { known } = examples('');
      const many = Array.from(
        { length: 1000 },
        (_, i): Element => ({
          ...examples('').first,
          key: ['p1', '02:00:00:00:00:01', `10.1.${i >> 8}.${i & 255}`],
        }),
      );
      await stage.applyAll(add(known), ...many.map(add));
      expect((await seen()).element).toHaveLength(1000);
      await stage.applyAll(...many.slice(1).map(del));
      expect((await seen()).element).toEqual([many[0]]);
      await stage.applyAll(del(known));
      expect(await seen()).toEqual({ set: [], element: [], chain: [] });
    });
  });
}

interface Filters {
  readonly known: FilterSet;
  readonly counted: FilterSet;
  readonly tunnels: FilterSet;
  readonly sets: readonly FilterSet[];
  readonly first: Element;
  readonly second: Element;
  readonly tunnel: Element;
  readonly elements: readonly Element[];
  readonly target: Chain;
  readonly base: Chain;
  /** In an order that nothing is named before it is there. */
  readonly all: readonly KernelObject[];
}

export function examples(ns: string): Filters {
  const known: SetShape = { family: 'bridge', name: 'known', key: ['ifname', 'mac', 'ipv4'] };
  const counted: SetShape = { family: 'bridge', name: 'counted', key: ['ifname', 'mark'], countsUpTo: 100 };
  const tunnels: SetShape = { family: 'inet', name: 'tunnels', key: ['u16', 'vni', 'ipv6'] };
  const chain = (name: string, rules: readonly Rule[]): Chain => ({
    kind: 'chain',
    ns,
    family: 'bridge',
    name,
    rules,
  });
  const sets = [known, counted, tunnels].map((shape): FilterSet => ({ kind: 'set', ns, shape }));
  const element = (set: SetShape, ...key: Element['key']): Element => ({ kind: 'element', ns, set, key });
  const first = element(known, 'p1', '02:00:00:00:00:01', '10.1.0.1');
  const second = element(known, 'p2', '02:00:00:00:00:02', '10.1.0.2');
  const tunnel = element(tunnels, 4789, 0x10_0001, '2001:db8::1');
  const target = chain('target', [rule(setMark(7), countIn(counted, iifname, mark), drop)]);
  const base: Chain = {
    ...chain('base', [
      rule(is(iifname, 'vx*'), { does: 'return' }),
      rule(is(etherType, '0x0806'), isNotIn(known, iifname, etherSource, arpSource), goTo('target')),
      rule(is(etherType, '0x0800'), isIn(known, iifname, etherSource, ipSource), { does: 'accept' }),
      rule(is(l4proto, 58), is(icmpv6Type, 134), { does: 'jump', chain: 'target' }),
      rule(
        is(l4proto, 17),
        is(vxlanVni, 0x10_0001),
        is(iifname, 'a-name-of-fifteen'.slice(0, 15)),
        is(etherSource, '02:00:00:00:00:09'),
        drop,
      ),
    ]),
    hook: { type: 'filter', hook: 'prerouting', priority: -300, policy: 'accept' },
  };
  return {
    known: sets[0]!,
    counted: sets[1]!,
    tunnels: sets[2]!,
    sets,
    first,
    second,
    tunnel,
    elements: [first, second, tunnel],
    target,
    base,
    all: [...sets, first, second, tunnel, target, base],
  };
}
