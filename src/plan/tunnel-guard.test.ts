import { expect, it } from 'vitest';
import type { Rule, Statement, Value } from '#model/filter.ts';
import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';
import { guardInward } from './tunnel-guard.ts';

const gateway = { addresses: ['10.1.0.1', 'fd00::1'] as Ip[], mac: '02:00:00:00:00:01' as Mac };
const FROM_TUNNEL = { 'ether saddr': '02:00:00:00:00:0e' };

it('lets no priority-tagged claim of the gateway’s address in', () => {
  // As the kernel has it: the tag beside the frame, `ether type` says that there is one, `meta protocol` what is behind.
  const tagged = { ...FROM_TUNNEL, 'ether type': '0x8100', 'meta protocol': '0x0806' };
  expect(verdictOf(guardInward(gateway), { ...tagged, 'arp saddr ip': '10.1.0.1' })).toBe('drop');
  expect(verdictOf(guardInward(gateway), { ...tagged, 'arp saddr ip': '10.1.0.7' })).toBe('accept');
  expect(verdictOf(guardInward(gateway), { ...tagged, 'meta protocol': '0x8100' })).toBe('drop');
});

it('lets no advertisement of the gateway’s address in that has an extension header', () => {
  const advert = {
    'ether type': '0x86dd',
    'meta protocol': '0x86dd',
    'meta l4proto': 58,
    'icmpv6 type': 136,
  };
  // Eight bytes further on than without one.
  const behind = {
    'ip6 saddr': 'fd00::7',
    'ip6 daddr': 'fd00::5',
    '@nh,384,128': '::',
    '@th,64,128': 'fd00::1',
  };
  expect(verdictOf(guardInward(gateway), { ...FROM_TUNNEL, ...advert, ...behind })).toBe('drop');
});

type Packet = Readonly<Record<string, Value>>;

/** What cannot be loaded ends the rule, as in the kernel. */
const verdictOf = (rules: readonly Rule[], packet: Packet): string => {
  for (const { statements = [] } of rules)
    if (statements.every((each) => holds(each, packet))) return statements.at(-1)!.does;
  return 'accept';
};

function holds(statement: Statement, packet: Packet): boolean {
  if (statement.does !== 'compare') return true;
  const there = packet[statement.field.text];
  return there !== undefined && (there === statement.value) === (statement.how !== '!=');
}
