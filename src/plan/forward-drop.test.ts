import { expect, test } from 'vitest';
import { forwardDrop } from './forward-drop.ts';

/** As Docker 20.10 writes them. */
const DOCKER = [
  '-P INPUT ACCEPT',
  '-P FORWARD DROP',
  '-P OUTPUT ACCEPT',
  '-N DOCKER',
  '-N DOCKER-USER',
  '-A FORWARD -j DOCKER-USER',
  '-A FORWARD -o br-1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  '-A FORWARD -o br-1 -j DOCKER',
  '-A FORWARD -i br-1 ! -o br-1 -j ACCEPT',
  '-A FORWARD -i br-1 -o br-1 -j ACCEPT',
  '-A DOCKER -d 172.18.0.2/32 ! -i br-1 -o br-1 -p tcp -m tcp --dport 80 -j ACCEPT',
  '-A DOCKER-USER -j RETURN',
];

test.each([
  ['no rule at all', [], undefined],
  ['a policy', ['-P FORWARD DROP'], '-P FORWARD DROP'],
  ['Docker’s own bridge', DOCKER, undefined],
  [
    'Docker without inter-container traffic',
    DOCKER.map((rule) => rule.replace('-i br-1 -o br-1 -j ACCEPT', '-i br-1 -o br-1 -j DROP')),
    '-A FORWARD -i br-1 -o br-1 -j DROP',
  ],
  [
    'what people put before',
    [...DOCKER.slice(0, 5), '-A FORWARD -j DOCKER-USER', '-A DOCKER-USER -j DROP'],
    '-A DOCKER-USER -j DROP',
  ],
  [
    'a pattern of names',
    ['-A FORWARD -i br-+ -o br-+ -j REJECT --reject-with icmp-port-unreachable'],
    '-A FORWARD -i br-+ -o br-+ -j REJECT --reject-with icmp-port-unreachable',
  ],
  ['a condition that nobody can judge', ['-A FORWARD -s 10.0.0.0/8 -j DROP'], undefined],
  [
    'what is accepted since it is bridged',
    ['-P FORWARD DROP', '-A FORWARD -m physdev --physdev-is-bridged -j ACCEPT'],
    undefined,
  ],
  [
    'a comment with words in it',
    ['-A FORWARD -i br-1 -m comment --comment "-j ACCEPT all" -j DROP'],
    '-A FORWARD -i br-1 -m comment --comment "-j ACCEPT all" -j DROP',
  ],
  ['chains in a circle', ['-A FORWARD -j A', '-A A -j A', '-P FORWARD DROP'], '-P FORWARD DROP'],
])('%s', (_, rules, drop) => expect(forwardDrop(rules, 'br-1')).toBe(drop));

test('another bridge is at the policy’s mercy', () => {
  expect(forwardDrop(DOCKER, 'strange0')).toBe('-P FORWARD DROP');
});

test('a chain that several ways lead to is gone through once, and one that leads to itself', () => {
  const jumps = Array.from({ length: 14 }, (_, i) => Array(4).fill(`-A c${i} -j c${i + 1}`)).flat();
  const rules = ['-P FORWARD DROP', '-A FORWARD -j c0', ...jumps, '-A c14 -j c14'];
  const before = performance.now();
  expect(forwardDrop(rules, 'br-1')).toBe('-P FORWARD DROP');
  expect(performance.now() - before).toBeLessThan(1000);
});
