import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { add, del, expectEventually, type KernelWorld } from '#kernel/contract-stage.ts';
import type { KernelEvent, Scope } from '#kernel/kernel.ts';
import { HOST_NAMESPACE } from '#model/kernel-state.ts';
import { PERMITS, type Permit, type PermitChain } from '#model/permit.ts';
import { permitLine } from '#model/render-filter.ts';
import { enterHostNamespace, realWorld } from './kernel-lab.ts';

/* Rules of ours in iptables' chains, as iptables sees them, and what there is of others' beside them. */

let leave: () => void;
let world: KernelWorld;
let scope: Scope;
beforeAll(() => {
  leave = enterHostNamespace();
});
afterAll(() => leave());
beforeEach(() => {
  world = realWorld();
  scope = { hostTag: world.hostTag, containers: [] };
});
afterEach(async () => {
  await world.close();
  sh('nft flush ruleset');
});

const sh = (command: string): string =>
  execFileSync('sh', ['-c', command], { encoding: 'utf8', stdio: 'pipe' });
const rulesOf = (chain: string) => sh(`iptables -S ${chain}`).trimEnd().split('\n').slice(1);
const permit = (name: string, chain: PermitChain): Permit => ({
  kind: 'permit',
  ns: HOST_NAMESPACE,
  family: 'ip',
  chain,
  name,
});
const all = (chain: PermitChain) => Object.keys(PERMITS).map((name) => permit(name, chain));
const apply = async (...ops: Parameters<KernelWorld['kernel']['apply']>[0]) =>
  expect((await world.kernel.apply(ops, scope)).filter(({ ok }) => !ok)).toEqual([]);
const drops = async () => (await world.kernel.observe(scope)).drops;
const astray = async () =>
  [...(await world.kernel.observe(scope)).permit.values()]
    .filter((each) => each.astray)
    .map(({ name }) => name);
/** As iptables prints its words. */
const asPrinted = (each: Permit) =>
  permitLine(each)
    .replace(/^iptables /, '')
    .replaceAll("'", '"');

describe('our rules', () => {
  it('are what iptables makes of the lines that we show, and as it prints them', async () => {
    world.setFirewall('ip', 'drop');
    await apply(...all('FORWARD').map(add));
    expect(rulesOf('FORWARD')).toEqual(all('FORWARD').map(asPrinted));
    const made = sh('iptables -S');
    sh('iptables -F FORWARD');
    for (const each of all('FORWARD')) sh(permitLine(each));
    const sorted = (text: string) =>
      text
        .split('\n')
        .map((line) =>
          line
            .split(/ (?=-)/)
            .sort()
            .join(' '),
        )
        .sort();
    expect(sorted(sh('iptables -S'))).toEqual(sorted(made));
  });

  it('stand behind what others drop, and before what ends the chain; nothing of others changes', async () => {
    world.setFirewall('ip', 'docker');
    const theirs = ['-i eth7 -j DROP', '-s 192.0.2.0/24 -j LOG', '-m conntrack --ctstate INVALID -j DROP'];
    for (const words of theirs.toReversed()) sh(`iptables -I DOCKER-USER ${words}`);
    sh('ip6tables -P FORWARD DROP; iptables -t nat -A POSTROUTING -o eth7 -j MASQUERADE');
    const [before, others] = [
      rulesOf('DOCKER-USER'),
      sh('iptables -t nat -S; ip6tables -S; iptables -S FORWARD'),
    ];
    await apply(...all('DOCKER-USER').map(add));
    const ours = all('DOCKER-USER').map(asPrinted);
    expect(rulesOf('DOCKER-USER')).toEqual([...before.slice(0, 3), ...ours, '-A DOCKER-USER -j RETURN']);
    expect(await astray()).toEqual([]);
    await apply(...all('DOCKER-USER').map(del));
    expect(rulesOf('DOCKER-USER')).toEqual(before);
    expect(sh('iptables -t nat -S; ip6tables -S; iptables -S FORWARD')).toBe(others);
  });

  it('are known again from a file that iptables kept, and once only', async () => {
    world.setFirewall('ip', 'drop');
    await apply(...all('FORWARD').map(add));
    const whole = rulesOf('FORWARD');
    sh('iptables-save >/run/weft-test-rules; iptables -F; iptables-restore </run/weft-test-rules');
    expect(await astray()).toEqual([]);
    expect((await world.kernel.observe(scope)).permit.size).toBe(whole.length);
    sh('iptables-restore -n </run/weft-test-rules; rm /run/weft-test-rules');
    expect(await astray()).toHaveLength(whole.length);
    await apply(...all('FORWARD').map((object) => ({ verb: 'change' as const, object, was: object })));
    expect(rulesOf('FORWARD')).toEqual(whole);
  });

  it('are astray behind a rule that ends the chain, and are put before it', async () => {
    world.setFirewall('ip', 'docker');
    const one = permit('out', 'DOCKER-USER');
    await apply(add(one));
    sh('iptables -I DOCKER-USER -j DROP');
    expect(await astray()).toEqual(['out']);
    await apply({ verb: 'change', object: one, was: one });
    expect(rulesOf('DOCKER-USER')).toEqual([
      asPrinted(one),
      '-A DOCKER-USER -j DROP',
      '-A DOCKER-USER -j RETURN',
    ]);
    expect(await astray()).toEqual([]);
  });
});

describe('what drops', () => {
  const filter = { family: 'ip', table: 'filter', chain: 'FORWARD', knows: [] };
  it.each([
    ['iptables -P FORWARD ACCEPT; iptables -A FORWARD -i eth7 -j DROP', []],
    ['iptables -A FORWARD -j REJECT', [{ ...filter, by: 'reject', into: 'FORWARD' }]],
    ['iptables -A FORWARD -j ACCEPT; iptables -P FORWARD DROP', []],
    [
      'iptables -N ufw; iptables -A FORWARD -j ufw; iptables -A ufw -i eth7 -j RETURN; iptables -A ufw -j DROP',
      [{ ...filter, by: 'drop', into: 'FORWARD' }],
    ],
    [
      'iptables -N DOCKER-USER; iptables -A FORWARD -i eth7 -j DOCKER-USER; iptables -P FORWARD DROP',
      [{ ...filter, by: 'policy drop', into: 'FORWARD' }],
    ],
    [
      'iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER; iptables -A DOCKER-USER -j DROP',
      [{ ...filter, by: 'drop', into: 'DOCKER-USER' }],
    ],
    ['iptables -P INPUT DROP; iptables -P OUTPUT DROP', []],
    [
      `nft 'add table inet mine; add chain inet mine through { type filter hook forward priority 0; policy drop; }'`,
      [{ family: 'inet', table: 'mine', chain: 'through', by: 'policy drop', knows: [] }],
    ],
    [
      `nft 'add table inet mine; add chain inet mine through { type filter hook forward priority 0; }; add rule inet mine through iifname "wfg*" accept; add rule inet mine through oifname "wf*" accept; add rule inet mine through reject'`,
      [{ family: 'inet', table: 'mine', chain: 'through', by: 'reject', knows: ['wfg', 'wf'] }],
    ],
    [
      `nft 'add table inet mine; add chain inet mine through { type filter hook forward priority 0; policy drop; }; add table inet mine { flags dormant; }'`,
      [],
    ],
  ])('is known of: %s', async (commands, expected) => {
    sh(commands);
    expect(await drops()).toEqual(expected);
  });
});

it('a chain that several ways lead to is gone through once', async () => {
  const names = ['mine', ...Array.from({ length: 14 }, (_, i) => `c${i}`)];
  sh(`nft -f - <<'END'
    table inet mine {
      ${names.map((name) => `chain ${name} { }`).join('\n')}
    }
    ${names
      .slice(1)
      .map((name, i) => `add rule inet mine ${names[i]} jump ${name}\n`.repeat(4))
      .toReversed()
      .join('')}
    add chain inet mine through { type filter hook forward priority 0; policy drop; }
    add rule inet mine through jump mine
END`);
  const before = performance.now();
  expect(await drops()).toHaveLength(1);
  expect(performance.now() - before).toBeLessThan(5000);
});

it('others who change their tables all the time do not keep the host from being looked at', async () => {
  const chains = Array.from({ length: 5000 }, (_, i) => `add chain inet mine c${i}`).join('\n');
  sh(`nft -f - <<'END'\nadd table inet mine\n${chains}\nadd set inet mine s { type mark; }\nEND`);
  sh(`nft 'add chain inet mine through { type filter hook forward priority 0; policy drop; }'`);
  expect(await drops()).toHaveLength(1);
  const turns =
    'while echo "add element inet mine s { 1 }"; do echo "delete element inet mine s { 1 }"; done';
  const restless = spawn('timeout', ['20', 'sh', '-c', `(${turns}) | nft -i`], { stdio: 'ignore' });
  try {
    await expectEventually(() => expect(sh('nft list set inet mine s')).toContain('elements'));
    for (let look = 0; look < 5; look++) expect(await drops()).toHaveLength(1);
  } finally {
    restless.kill();
    await once(restless, 'exit');
  }
});

it('tells of what others do there, and of nothing else of theirs', async () => {
  world.setFirewall('ip', 'docker');
  await world.kernel.observe(scope);
  const events: KernelEvent[] = [];
  const stop = world.kernel.watch((event) => events.push(event));
  sh(
    'iptables -t nat -A POSTROUTING -o eth7 -j MASQUERADE; iptables -P INPUT DROP; iptables -N mine; iptables -A mine -j DROP',
  );
  // Short names: what is a number in an event about a table is the name of a chain, or of a set, in others.
  sh(`nft 'add table ip t; add chain ip t c; add set ip t s { type mark; }; add rule ip t c accept'`);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(events).toEqual([]);
  for (const change of [
    'iptables -I DOCKER-USER -i eth7 -j DROP',
    'iptables -F DOCKER-USER',
    'iptables -P FORWARD ACCEPT',
    `nft 'add table inet mine; add chain inet mine through { type filter hook forward priority 0; policy drop; }'`,
    'nft flush ruleset',
  ]) {
    events.length = 0;
    sh(change);
    await expectEventually(() => expect(events, change).toContainEqual({ dirty: 'namespace', ns: '' }));
    await world.kernel.observe(scope);
  }
  stop();
});
