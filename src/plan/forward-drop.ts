/**
 * The rule that drops a new connection's packet on its way from a port of the bridge to another, if one does: to
 * iptables both are the bridge. A rule with a condition that this does not know counts as not there: what is named is
 * certain.
 */
export function forwardDrop(rules: readonly string[], bridge: string): string | undefined {
  const verdict = walk(rules.map(parse), 'FORWARD', bridge, new Set());
  if (verdict !== undefined) return verdict === ACCEPTED ? undefined : verdict;
  return rules.find((rule) => rule === '-P FORWARD DROP');
}

const ACCEPTED = Symbol('accepted');

interface Rule {
  readonly text: string;
  readonly words: readonly string[];
}

const parse = (text: string): Rule => ({ text, words: text.match(/"[^"]*"|\S+/g) ?? [] });

/** Of one that returns to where it was called from, undefined; so one that was `passed` did, and does again. */
function walk(
  rules: readonly Rule[],
  chain: string,
  bridge: string,
  passed: Set<string>,
): string | typeof ACCEPTED | undefined {
  if (passed.has(chain)) return undefined;
  passed.add(chain);
  for (const { text, words } of rules) {
    if (words[0] !== '-A' || words[1] !== chain) continue;
    const target = targetOf(words.slice(2), bridge);
    if (target === 'ACCEPT') return ACCEPTED;
    if (target === 'DROP' || target === 'REJECT') return text;
    if (target === 'RETURN') return undefined;
    const inner = target && walk(rules, target, bridge, passed);
    if (inner !== undefined && inner !== '') return inner;
  }
  return undefined;
}

/** What becomes of the packet by this rule; undefined when it is not for it, or nobody can tell. */
function targetOf(words: readonly string[], bridge: string): string | undefined {
  for (let i = 0; i < words.length; i++) {
    const not = words[i] === '!';
    if (not) i++;
    const [option, value = ''] = [words[i], words[i + 1]];
    if (option === '-j' || option === '-g') return value;
    if (option === '-i' || option === '-o') {
      if (matches(value, bridge) === not) return undefined;
    } else if (option === '-m' && value === 'comment') i += 2;
    else if (option !== '-m' || value !== 'physdev' || words[i + 2] !== '--physdev-is-bridged')
      return undefined;
    else i++;
    i++;
  }
  return undefined;
}

/** `virbr+` is every name that begins so. */
const matches = (pattern: string, name: string): boolean =>
  pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
