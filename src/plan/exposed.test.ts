import { expect, test } from 'vitest';
import { kernelObjects } from '#model/kernel-state.ts';
import { HOST_NAMESPACE_REF } from '#model/namespace-ref.ts';
import type { Network, StoredRecord } from '#model/records.ts';
import { renderObject } from '#model/render-kernel.ts';
import { desired } from './desired.ts';
import { testEndpoint, testFacts, testHost, testNetwork, testView } from './test-world.ts';

const EXPOSED = testEndpoint(9, 1, 1, { runtime: 'host', interface: 'wfh100001', name: 'h1' });
const internal = (network: number): Network => ({ ...testNetwork(network), internal: true });
const world = (...more: StoredRecord[]): StoredRecord[] => [
  testHost(1),
  internal(1),
  internal(2),
  testEndpoint(5, 2, 1),
  ...more,
];

/** In the host's own namespace. */
function linesOf(records: readonly StoredRecord[]): string[] {
  const view = testView(records);
  const facts = testFacts(view);
  const containers = new Map([...facts.containers, [EXPOSED.id, { namespace: HOST_NAMESPACE_REF }]]);
  return [...kernelObjects(desired(view, { ...facts, containers }))]
    .filter(({ ns }) => ns === '')
    .flatMap(renderObject);
}
const rulesIn = (chain: string, lines: readonly string[]): string[] =>
  lines.flatMap((line) => line.replaceAll("'", '').split(`nft add rule inet weft ${chain} `).slice(1));

test('the host has an interface in the network, by its name and mark, and hands packets on', () => {
  const lines = linesOf(world(EXPOSED));
  expect(lines.filter((line) => line.includes('dev wfh') || line.includes('forward'))).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^ip link set dev wfh100001 .*group 2003134068/),
      'ip addr add 10.1.0.9/16 dev wfh100001',
      'ip addr add fd00:1::9/64 dev wfh100001 nodad',
      'sysctl -eqw net/ipv4/ip_forward=1',
      'sysctl -eqw net/ipv6/conf/all/forwarding=1',
    ]),
  );
  // Its own ways out stay as they are.
  expect(lines.filter((line) => line.includes('route'))).toEqual([]);
  expect(lines.filter((line) => /dev lo\b/.test(line))).toEqual([]);
});

test('others come in as the host; nothing but answers goes out, nor to what else the host is', () => {
  const lines = linesOf(world(EXPOSED));
  expect(rulesIn('gateway-out', lines).slice(-2)).toEqual([
    'oifname wfh100001 meta nfproto 2 ip saddr != 10.1.0.9 masquerade',
    'oifname wfh100001 meta nfproto 10 ip6 saddr != fd00:1::9 masquerade',
  ]);
  expect(rulesIn('gateway-forward', lines).slice(3)).toEqual([
    'oifname wfh* meta l4proto tcp tcp flags syn / fin,syn,rst tcp option maxseg size set rt mtu',
    'oifname wfh* ct state established,related accept',
    'oifname wfh* iifname wf* drop',
    'oifname wfh* iifname docker* drop',
    'iifname wfh* ct state established,related accept',
    'iifname wfh* ct status dnat accept',
    'iifname wfh* drop',
  ]);
  expect(rulesIn('gateway-input', lines).slice(1)).toEqual([
    'iifname wfh100001 meta nfproto 2 ip daddr != 10.1.0.9 fib daddr type local drop',
    'iifname wfh100001 meta nfproto 10 ip6 daddr != fd00:1::9 ip6 daddr != fe80::1ff:fe00:9 fib daddr type local drop',
  ]);
});

test('internal networks that are not exposed ask for no rule', () => {
  expect(linesOf(world()).filter((line) => line.includes('gateway'))).toEqual([]);
});
