import { HOST_NAMESPACE, isContainer, type NamespaceName } from './kernel-state.ts';

/** Shell words of `ip`, `bridge`, `sysctl`, `nft` and `iptables` commands: the form in which people see, and can repeat, what Weft writes. */

/** One command line in a namespace, every odd word quoted. */
export const commandLine = (
  tool: 'ip' | 'bridge' | 'sysctl' | 'nft' | 'iptables' | 'ip6tables',
  ns: NamespaceName,
  ...words: readonly (string | number)[]
) => [...enter(tool, ns), ...words].map((word) => shellQuote(String(word))).join(' ');

/** How a command names a namespace: its name under /run/netns where it has one, else its path. */
export const namespaceWord = (ns: NamespaceName): string => NAMED.exec(ns)?.[1] ?? ns;

/** A name that `-n` takes; paths elsewhere, and what looks like an option, do not fit it. */
const NAMED = /^(?:(?:\/var)?\/run\/netns\/)?([A-Za-z0-9_][\w.@:+-]*)$/;

function enter(tool: string, ns: NamespaceName): string[] {
  if (ns === HOST_NAMESPACE) return [tool];
  if (NAMED.test(ns) && (tool === 'ip' || tool === 'bridge')) return [tool, '-n', namespaceWord(ns)];
  return ['nsenter', `--net=${isContainer(ns) ? ns : `/run/netns/${ns}`}`, tool];
}

/** A word that a POSIX shell reads back unchanged. */
export const shellQuote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
