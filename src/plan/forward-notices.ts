import { shellQuote } from '#model/command-line.ts';
import type { Notice } from '#model/notice.ts';
import { type ForwardDrop, iptablesOf, PERMITS, permitWords } from '#model/permit.ts';
import type { Host } from '#model/records.ts';
import type { FilterRules } from '#model/survey.ts';
import { forwardDrop } from './forward-drop.ts';
import { FAMILY_OF, type Forwarded } from './permit.ts';

type Way = keyof Forwarded;
const WAYS: readonly Way[] = ['wfg', 'wfh'];
const LOSSES: Readonly<Record<Way, string>> = {
  wfg: 'containers here do not get out, and published ports are not reached',
  wfh: 'exposed networks are not reached through this host',
};

/**
 * What drops what a host forwards where Weft writes no rules: nf_tables of somebody's own file or of firewalld, both of
 * which are written anew as a whole; and tables that nf_tables does not know of.
 */
export function forwardNotices(
  host: Host,
  needs: Forwarded,
  drops: readonly ForwardDrop[],
  legacy: readonly FilterRules[],
): Notice[] {
  return [
    ...drops.flatMap((drop): Notice[] => {
      const ways = drop.into ? [] : WAYS.filter((way) => isNeeded(needs, way, drop) && !isKnown(way, drop));
      const where = `chain ${drop.chain} of table ${drop.family} ${drop.table} (${drop.by})`;
      const losses = drop.table === 'firewalld' ? FIREWALLD_LOSSES : LOSSES;
      return ways.length === 0 ? [] : [notice(host, where, ways, commandsFor(drop, ways), losses)];
    }),
    ...legacy.flatMap(({ family, rules }): Notice[] => {
      const command = `${iptablesOf(family === 4 ? 'ip' : 'ip6')}-legacy`;
      const dropped = WAYS.flatMap((way) => {
        const rule = needs[way].has(family) ? forwardDrop(rules, `${way}0`) : undefined;
        return rule === undefined ? [] : [{ way, rule }];
      });
      if (dropped.length === 0) return [];
      const chain = rules.includes('-N DOCKER-USER') ? 'DOCKER-USER' : 'FORWARD';
      const ways = dropped.map(({ way }) => way);
      const lines = iptablesLines([command, '-I', chain], ways);
      return [notice(host, `\`${dropped[0]!.rule}\` of ${command}`, ways, lines)];
    }),
  ];
}

const isNeeded = (needs: Forwarded, way: Way, { family }: ForwardDrop): boolean =>
  family === 'inet' ? needs[way].size > 0 : needs[way].has(FAMILY_OF[family]);

/** A rule of the table names such interfaces, or such as all of ours. */
const isKnown = (way: Way, { knows }: ForwardDrop): boolean =>
  knows.some((name) => name.startsWith(way) || way.startsWith(name));

/** It lets pass by itself what is translated on the way in. */
const FIREWALLD_LOSSES = { ...LOSSES, wfg: 'containers here do not get out' };

const notice = (
  host: Host,
  where: string,
  ways: readonly Way[],
  commands: readonly string[],
  losses = LOSSES,
): Notice => ({
  code: 'forward-dropped',
  title: 'The host’s firewall drops what Weft forwards',
  sentence: `On ${host.name}, ${where} drops it, and Weft writes no rules there: ${ways.map((way) => losses[way]).join('; ')}.`,
  next: `${commands.join('; ')}; and the same where that firewall is kept.`,
});

function commandsFor({ family, table, chain }: ForwardDrop, ways: readonly Way[]): string[] {
  if (table === 'firewalld') return firewalldLines(ways);
  if (family !== 'inet' && chain === 'FORWARD')
    return iptablesLines([iptablesOf(family), '-t', table, '-I', chain], ways);
  return passagesOf(ways).flatMap(([, { from, to, tracked }]) => {
    const what = from ? `iifname "${from}*"` : `oifname "${to}*"`;
    return (tracked ? [' ct state established,related', ' ct status dnat'] : ['']).map(
      (which) => `nft insert rule ${family} ${table} ${chain} ${what}${which} accept`,
    );
  });
}

const iptablesLines = (command: readonly string[], ways: readonly Way[]): string[] =>
  passagesOf(ways).map(([name]) => [...command, ...permitWords(name)].map(shellQuote).join(' '));

/** Its zones know interfaces; what goes from one zone to another needs a policy. */
function firewalldLines(ways: readonly Way[]): string[] {
  const interfaces = ways.map((way) => ` --add-interface=${way}+`).join('');
  // One thing at a time: it takes no two of these at once.
  const policy = ['--add-ingress-zone=ANY', '--add-egress-zone=trusted', '--set-target=ACCEPT'];
  return [
    `firewall-cmd --permanent --zone=trusted${interfaces}`,
    ...(ways.includes('wfh')
      ? ['--new-policy=weft', ...policy.map((words) => `--policy=weft ${words}`)].map(
          (words) => `firewall-cmd --permanent ${words}`,
        )
      : []),
    'firewall-cmd --reload',
  ];
}

const passagesOf = (ways: readonly Way[]) =>
  Object.entries(PERMITS).filter(([, { from, to }]) => ways.includes((from ?? to) as Way));
