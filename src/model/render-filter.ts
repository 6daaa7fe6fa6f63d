import { commandLine } from './command-line.ts';
import {
  type Chain,
  type Element,
  type FilterObject,
  type FilterSet,
  type SetShape,
  targetsOf,
  type ValueType,
  valueText,
} from './filter.ts';
import type { KernelOp } from './kernel-op.ts';
import { FILTER_TABLE } from './own.ts';
import { iptablesOf, type Permit, permitWords } from './permit.ts';

type Verb = KernelOp['verb'];

/** For each type something that has it, as nft(8) takes it for a set's `typeof`: of an integer it has no other name. */
const EXAMPLES: Record<ValueType, string> = {
  ifname: 'iifname',
  mac: 'ether saddr',
  ipv4: 'ip saddr',
  ipv6: 'ip6 saddr',
  u8: 'meta l4proto',
  u16: 'udp dport',
  vni: '@th,96,32',
  mark: 'meta mark',
};

/** The `nft` and `iptables` lines that do what the op does; one transaction in truth. */
export function renderFilter(verb: Verb, object: FilterObject | Permit): string[] {
  if (object.kind === 'chain') return renderChain(verb, object);
  if (object.kind === 'permit') return renderPermit(verb, object);
  return object.kind === 'set' ? renderSet(verb, object) : [renderElement(verb, object)];
}

/** A change writes all anew: what is there already stays, but for the rules. */
function renderChain(verb: Verb, { ns, family, name, hook, rules }: Chain): string[] {
  const nft = (...words: string[]) => commandLine('nft', ns, ...words);
  const where = [family, FILTER_TABLE];
  const flush = nft('flush', 'chain', ...where, name);
  if (verb === 'delete') return [flush, nft('delete', 'chain', ...where, name)];
  const place =
    hook && `{ type ${hook.type} hook ${hook.hook} priority ${hook.priority}; policy ${hook.policy}; }`;
  return [
    nft('add', 'table', ...where),
    nft('add', 'chain', ...where, name, ...(place ? [place] : [])),
    ...[...new Set(rules.flatMap(targetsOf))].map((target) => nft('add', 'chain', ...where, target)),
    ...(verb === 'change' ? [flush] : []),
    ...rules.map(({ text }) => nft('add', 'rule', ...where, name, ...text.split(' '))),
  ];
}

/** Ours comes before whatever ends the chain. A change puts it back there. */
function renderPermit(verb: Verb, permit: Permit): string[] {
  return { add: ['-I'], change: ['-D', '-I'], delete: ['-D'] }[verb].map((how) => permitLine(permit, how));
}

/** `iptables HOW DOCKER-USER -i wfg+ …`; by default as `iptables -S` has it. */
export const permitLine = (permit: Permit, how = '-A'): string =>
  commandLine(iptablesOf(permit.family), permit.ns, how, permit.chain, ...permitWords(permit.name));

function renderSet(verb: Verb, { ns, shape }: FilterSet): string[] {
  const [family, what] = [shape.family, shape.value ? 'map' : 'set'];
  if (verb === 'delete') return [commandLine('nft', ns, 'delete', what, family, FILTER_TABLE, shape.name)];
  return [
    commandLine('nft', ns, 'add', 'table', family, FILTER_TABLE),
    commandLine('nft', ns, 'add', what, family, FILTER_TABLE, shape.name, `{ ${typeOf(shape)} }`),
  ];
}

function typeOf({ key, typeof: fields, value, countsUpTo }: SetShape): string {
  const words = (types: readonly ValueType[]) => types.map((type) => EXAMPLES[type]).join(' . ');
  const keyWords = fields ? fields.map(({ text }) => text).join(' . ') : words(key);
  const type = `typeof ${keyWords}${value ? ` : ${words(value)}` : ''};`;
  return countsUpTo === undefined ? type : `${type} flags dynamic; size ${countsUpTo}; counter;`;
}

function renderElement(verb: Verb, { ns, set, key, value }: Element): string {
  const how = verb === 'delete' ? 'delete' : 'add';
  const fields = set.typeof ?? set.key.map((type) => ({ text: EXAMPLES[type], type }));
  const parts = key.length === 0 ? ['*'] : key.map((part, i) => valueText(fields[i]!, part));
  const words = `${parts.join(' . ')}${value && verb !== 'delete' ? ` : ${value.join(' . ')}` : ''}`;
  return commandLine('nft', ns, how, 'element', set.family, FILTER_TABLE, set.name, `{ ${words} }`);
}
