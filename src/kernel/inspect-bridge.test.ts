import { expect, test } from 'vitest';
import { isRejection } from '#model/fault.ts';
import { LINK_GROUP } from '#model/own.ts';
import { findBridge } from './inspect-bridge.ts';

const ETH0 = { name: 'eth0' };
const VETH = { name: 'veth0', kind: 'veth' };
const BRIDGE = { name: 'br-1', kind: 'bridge', mac: '02:00:00:00:00:01' };
const OWN = { name: 'wfx1', kind: 'vxlan', group: LINK_GROUP };
const NONE =
  'this host has none: make one with `ip link add NAME type bridge`, or with `docker network create`';

test('a bridge is found by its name', () => {
  expect(findBridge([ETH0, BRIDGE], 'br-1')).toBe(BRIDGE.mac);
});

test.each([
  ['nowhere', [ETH0], 'is no interface of this host', NONE],
  ['eth0', [ETH0], 'is not a bridge but a plain interface', NONE],
  ['veth0', [ETH0, VETH, BRIDGE], 'is not a bridge but an interface of kind veth', 'bridges here: br-1'],
  ['wfx1', [OWN, BRIDGE], 'is Weft’s own', 'bridges here: br-1'],
])('%s is refused with what there is instead', (name, links, problem, fix) => {
  const found = findBridge(links, name);
  expect(isRejection(found) && found.faults).toEqual([{ field: 'bridge', value: name, problem, fix }]);
});
