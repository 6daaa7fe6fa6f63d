import { expect, test } from 'vitest';
import { HOST_NAMESPACE_REF } from '#model/namespace-ref.ts';
import type { ForwardDrop } from '#model/permit.ts';
import type { Network, StoredRecord } from '#model/records.ts';
import { renderObject } from '#model/render-kernel.ts';
import { desired } from './desired.ts';
import { forwardNotices } from './forward-notices.ts';
import { forwardedIn } from './permit.ts';
import { testEndpoint, testFacts, testHost, testNetwork, testView } from './test-world.ts';

const EXPOSED = testEndpoint(9, 2, 1, { runtime: 'host', interface: 'wfh100001', name: 'h1' });
const internal: Network = { ...testNetwork(2), internal: true };
const only4 = (network: Network): Network => ({ ...network, subnets: network.subnets.slice(0, 1) });
const drop = (words: Partial<ForwardDrop>): ForwardDrop => ({
  family: 'ip',
  table: 'filter',
  chain: 'FORWARD',
  by: 'policy drop',
  knows: [],
  ...words,
});
const BOTH = [drop({ into: 'DOCKER-USER' }), drop({ family: 'ip6', into: 'FORWARD' })];

function linesOf(drops: readonly ForwardDrop[], ...records: StoredRecord[]): string[] {
  const view = testView([testHost(1), internal, ...records]);
  const facts = testFacts(view);
  const containers = new Map([...facts.containers, [EXPOSED.id, { namespace: HOST_NAMESPACE_REF }]]);
  return [...desired(view, { ...facts, containers, drops }).permit.values()].flatMap(renderObject);
}

test('what a host forwards is let pass where somebody drops it, and nothing else', () => {
  const way = [testNetwork(1), testEndpoint(1, 1, 1)];
  expect(linesOf([], ...way, EXPOSED)).toEqual([]);
  expect(linesOf(BOTH, testNetwork(1), testEndpoint(1, 1, 2))).toEqual([]);
  expect(linesOf(BOTH, ...way)).toEqual([
    "iptables -I DOCKER-USER -i wfg+ -m comment --comment 'weft: out' -j ACCEPT",
    "iptables -I DOCKER-USER -o wfg+ -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -m comment --comment 'weft: back' -j ACCEPT",
    "ip6tables -I FORWARD -i wfg+ -m comment --comment 'weft: out' -j ACCEPT",
    "ip6tables -I FORWARD -o wfg+ -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -m comment --comment 'weft: back' -j ACCEPT",
  ]);
  expect(linesOf(BOTH.slice(1), EXPOSED)).toEqual([
    "ip6tables -I FORWARD -o wfh+ -m comment --comment 'weft: to exposed' -j ACCEPT",
    "ip6tables -I FORWARD -i wfh+ -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -m comment --comment 'weft: from exposed' -j ACCEPT",
  ]);
  expect(linesOf(BOTH, only4(testNetwork(1)), testEndpoint(1, 1, 1))).toHaveLength(2);
});

const noticesOf = (
  drops: readonly ForwardDrop[],
  rules: readonly string[] = [],
  ...records: StoredRecord[]
) =>
  forwardNotices(
    testHost(1),
    forwardedIn(testView([testHost(1), internal, testNetwork(1), ...records]).networks),
    drops,
    rules.length > 0 ? [{ family: 4, rules }] : [],
  );
const OUT = testEndpoint(1, 1, 1);
const FILE = drop({ family: 'inet', table: 'mine', chain: 'through', by: 'reject' });

test('what drops where nothing is written is told, with what helps, while it is in the way', () => {
  expect(noticesOf(BOTH, [], OUT, EXPOSED)).toEqual([]);
  expect(noticesOf([FILE])).toEqual([]);
  expect(noticesOf([{ ...FILE, knows: ['wfg'] }], [], OUT)).toEqual([]);
  const [notice] = noticesOf([{ ...FILE, knows: ['wfh'] }], [], OUT, EXPOSED);
  expect(notice).toMatchObject({
    code: 'forward-dropped',
    sentence: expect.stringContaining('chain through of table inet mine (reject) drops it'),
    next: expect.stringMatching(
      /^nft insert rule inet mine through iifname "wfg\*" accept; .*oifname "wfg\*" ct status dnat accept; and/,
    ),
  });
  expect(notice!.next).not.toContain('wfh');
  const mangle = noticesOf([drop({ table: 'mangle' })], [], OUT);
  expect(mangle[0]!.next).toContain('iptables -t mangle -I FORWARD -i wfg+');
  const firewalld = noticesOf([{ ...FILE, table: 'firewalld' }], [], OUT, EXPOSED);
  expect(firewalld[0]!.next).toMatch(
    /--zone=trusted --add-interface=wfg\+ --add-interface=wfh\+; .*--new-policy=weft; .*firewall-cmd --reload/,
  );
});

test('so is what nf_tables does not know of, until it lets pass', () => {
  const legacy = ['-P FORWARD DROP', '-N DOCKER-USER', '-A FORWARD -j DOCKER-USER'];
  const [notice] = noticesOf([], legacy, OUT);
  expect(notice!.sentence).toContain('`-P FORWARD DROP` of iptables-legacy drops it');
  expect(notice!.next).toContain(
    "iptables-legacy -I DOCKER-USER -i wfg+ -m comment --comment 'weft: out' -j ACCEPT",
  );
  const helped = [...legacy, '-A DOCKER-USER -i wfg+ -m comment --comment "weft: out" -j ACCEPT'];
  expect(noticesOf([], helped, OUT)).toEqual([]);
  expect(noticesOf([], legacy)).toEqual([]);
});
