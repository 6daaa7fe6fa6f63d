import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { add, del } from '#kernel/contract-stage.ts';
import { examples } from '#kernel/filter.contract.ts';
import { FilterMemory } from '#kernel/filter-read.ts';
import type { Scope } from '#kernel/kernel.ts';
import { RealKernel } from '#kernel/real-kernel.ts';
import { Visit } from '#kernel/visit.ts';
import { type Chain, is, isLocal, rule, translateTo } from '#model/filter.ts';
import { l4proto, nfproto, portTarget } from '#model/filter-fields.ts';
import type { Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { emptyKernelState, kernelKey } from '#model/kernel-state.ts';
import { renderObject } from '#model/render-kernel.ts';
import type { Conversation } from '#netlink/conversation.ts';
import { decodeElements } from '#netlink/netfilter/elements.ts';
import { type OpenNamespace, openNamespace } from '#netlink/open-namespace.ts';
import { enterHostNamespace, ip, TAG } from './kernel-lab.ts';

/* Rules and sets as nft(8) sees them: what our messages made, and what it makes itself of the lines that we show. */

let leave: () => void;
let kernel: RealKernel;
const scope: Scope = { hostTag: TAG, containers: [] };
const ns = `weft-${TAG}-100000`;
const twin = `weft-${TAG}-100001`;

beforeAll(() => {
  leave = enterHostNamespace();
});
afterAll(() => leave());
beforeEach(async () => {
  kernel = new RealKernel();
  ip('netns', 'add', ns);
  ip('netns', 'add', twin);
});
afterEach(async () => {
  await kernel.close();
  ip('netns', 'del', ns);
  ip('netns', 'del', twin);
});

const nft = (name: string, ...words: string[]): string =>
  execFileSync('ip', ['netns', 'exec', name, 'nft', ...words], { encoding: 'utf8' });

/** All that is there, without handles and comments. */
function rulesetOf(name: string): [string, object][] {
  const { nftables } = JSON.parse(nft(name, '-j', 'list', 'ruleset'));
  const objects = nftables.slice(1).map((object: Record<string, object>) => {
    const [[kind, value]] = Object.entries(object) as [[string, object]];
    return [kind, { ...value, handle: undefined, comment: undefined }];
  });
  return JSON.parse(JSON.stringify(objects));
}

const applyAll = async (...ops: KernelOp[]) =>
  expect((await kernel.apply(ops, scope)).filter(({ ok }) => !ok)).toEqual([]);

it('is what nft makes of the lines that we show', async () => {
  await applyAll(...examples(ns).all.map(add));
  for (const line of examples(twin).all.flatMap(renderObject)) execFileSync('sh', ['-c', line]);
  const made = rulesetOf(ns);
  expect(made.filter(([kind]) => kind === 'rule')).toHaveLength(6);
  const sorted = (objects: unknown[]) => objects.map((each) => JSON.stringify(each)).sort();
  expect(sorted(made)).toEqual(sorted(rulesetOf(twin)));
});

it('says in each rule’s comment what it is', async () => {
  const { all, base } = examples(ns);
  await applyAll(...all.map(add));
  const listing = nft(ns, 'list', 'chain', 'bridge', 'weft', 'base');
  for (const { text } of base.rules.slice(0, 4)) expect(listing).toContain(`comment "${text}"`);
});

it('sees what nft has changed, and mends it', async () => {
  const { all, base, first } = examples(ns);
  await applyAll(...all.map(add));
  nft(ns, 'insert', 'rule', 'bridge', 'weft', 'base', 'accept');
  nft(ns, 'delete', 'element', 'bridge', 'weft', 'known', '{ p1 . 02:00:00:00:00:01 . 10.1.0.1 }');
  const seen = await kernel.observe(scope);
  const chain = [...seen.chain.values()].find(({ name }) => name === 'base')!;
  expect(chain.rules.map(({ text }) => text)).toEqual(
    ['', ...base.rules.map(({ text }) => text)].map((text) =>
      text.length > 127 ? expect.stringContaining('#') : text,
    ),
  );
  expect([...seen.element.values()]).not.toContainEqual(first);
  await applyAll({ verb: 'change', object: base, was: chain }, add(first));
  const mended = await kernel.observe(scope);
  expect([...mended.element.values()]).toContainEqual(first);
  expect([...mended.chain.values()].find(({ name }) => name === 'base')!.rules).toHaveLength(
    base.rules.length,
  );
});

it('bears that somebody deletes all of it between two questions', async () => {
  const { all } = examples(ns);
  await applyAll(...all.map(add));
  const visit = new Visit(ns, openNamespace(`/run/netns/${ns}`) as OpenNamespace);
  const { filter } = visit;
  const dump: Conversation['dump'] = (request, decode) => {
    if ((decode as unknown) === decodeElements) nft(ns, 'flush', 'ruleset');
    return filter.dump(request, decode);
  };
  Object.defineProperty(visit, 'filter', { value: { ...filter, dump } });
  const state = emptyKernelState();
  new FilterMemory().read(state, visit);
  expect(state.chain.size).toBeGreaterThan(0);
  expect(state.element.size).toBe(0);
  visit.close();
});

it('sees that a table was put to sleep, and wakes it', async () => {
  const { all, base, target } = examples(ns);
  await applyAll(...all.map(add));
  const before = await kernel.observe(scope);
  nft(ns, 'add', 'table', 'bridge', 'weft', '{ flags dormant; }');
  const { chain, set, element } = await kernel.observe(scope);
  expect([...chain.values()]).toEqual([]);
  expect([set, element]).toEqual([before.set, before.element]);
  await applyAll(add(target), add(base));
  expect(nft(ns, 'list', 'table', 'bridge', 'weft')).not.toContain('dormant');
  expect(await kernel.observe(scope)).toEqual(before);
});

it('sees what no set of ours has, and takes it away', async () => {
  const { all, tunnels } = examples(ns);
  await applyAll(...all.map(add));
  const before = await kernel.observe(scope);
  nft(ns, 'add', 'element', 'inet', 'weft', 'tunnels', '{ * }');
  // Integers as a VNI is to nft, and shorter.
  nft(ns, 'add', 'set', 'inet', 'weft', 'short', '{ typeof @th,96,16; elements = { 5 }; }');
  nft(
    ns,
    'add',
    'map',
    'inet',
    'weft',
    'led',
    '{ typeof ip saddr : @th,96,16; elements = { 10.0.0.1 : 5 }; }',
  );
  nft(ns, 'add', 'set', 'inet', 'weft', 'metered', '{ type ipv4_addr; size 9; flags dynamic; }');
  nft(ns, 'add', 'element', 'inet', 'weft', 'metered', '{ 10.0.0.1 ct count over 9 }');
  const { set, element } = await kernel.observe(scope);
  const strange = [...element.values()].filter((each) => !before.element.has(kernelKey(each)));
  expect(strange.map(renderObject)).toContainEqual([expect.stringContaining("inet weft tunnels '{ * }'")]);
  const sets = [...set.values()].filter((each) => !before.set.has(kernelKey(each)));
  expect(sets).toHaveLength(3);
  await applyAll(...[...strange, ...sets].map(del));
  expect(await kernel.observe(scope)).toEqual(before);
  expect(before.set.has(kernelKey(tunnels))).toBe(true);
});

it('holds more rules in one chain than a socket takes at once', async () => {
  const { base } = examples(ns);
  // As two thousand published ports have them.
  const rules = Array.from({ length: 2000 }, (_, i) =>
    rule(
      is(nfproto, 2),
      isLocal,
      is(l4proto, 6),
      is(portTarget, i + 1),
      translateTo('240.0.0.1' as Ip, i + 1),
    ),
  );
  const chain: Chain = {
    ...{ kind: 'chain', ns, family: 'inet', name: 'published', rules },
    hook: { ...base.hook!, type: 'nat', priority: -100 },
  };
  await applyAll(add(chain));
  const seen = [...(await kernel.observe(scope)).chain.values()];
  expect(seen.map((each) => each.rules.map(({ text }) => text))).toEqual([rules.map(({ text }) => text)]);
});

it('leaves no table behind, and others’ alone', async () => {
  nft(ns, 'add', 'table', 'inet', 'theirs');
  const { base, target, elements, sets, all } = examples(ns);
  await applyAll(...all.map(add));
  await applyAll(...[base, target, ...elements, ...sets].map(del));
  expect(rulesetOf(ns)).toEqual([['table', { family: 'inet', name: 'theirs' }]]);
});
