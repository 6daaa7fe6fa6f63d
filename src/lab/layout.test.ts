import { expect, test } from 'vitest';
import { isOverlayNamespace } from '#model/own.ts';
import {
  type LabShape,
  labNamespaces,
  layOutLab,
  MAX_CONTAINERS,
  MAX_HOSTS,
  NETWORK_NAMES,
} from './layout.ts';

const SHAPE: LabShape = { hosts: 2, containers: 2, networks: 2, mode: 'proxy', underlay: 'ipv4', mtu: 1500 };

test('a lab has a fabric, hosts on 10.99.0.0/24 and fd99::/64, and containers in each network on each host', () => {
  const lab = layOutLab('lab', '/run/weft-lab/lab', SHAPE);
  expect(labNamespaces(lab)).toEqual([
    'lab-fabric',
    ...['lab-h1', 'lab-h1-c1', 'lab-h1-c2', 'lab-h1-c3', 'lab-h1-c4'],
    ...['lab-h2', 'lab-h2-c1', 'lab-h2-c2', 'lab-h2-c3', 'lab-h2-c4'],
  ]);
  expect(lab.hosts[1]).toMatchObject({
    root: '/run/weft-lab/lab/h2',
    addresses: ['10.99.0.2/24', 'fd99::2/64'],
  });
  expect(lab.hosts[1]!.containers.map(({ network }) => network)).toEqual(['blue', 'blue', 'green', 'green']);
  expect(lab.networks[1]).toEqual({ name: 'green', subnets: ['10.2.0.0/24', 'fd02::/64'] });
});

test('the largest lab has unique names, none of which an agent takes for its own, and sockets that bind', () => {
  const shape = { ...SHAPE, hosts: MAX_HOSTS, containers: MAX_CONTAINERS, networks: NETWORK_NAMES.length };
  const name = 'abcdefghijklmnop';
  const lab = layOutLab(name, `/run/weft-lab/${name}`, shape);
  const names = labNamespaces(lab);
  expect(new Set(names).size).toBe(1 + MAX_HOSTS * (1 + MAX_CONTAINERS * NETWORK_NAMES.length));
  expect(names.filter(isOverlayNamespace)).toEqual([]);
  // An address for each of 64 times 64.
  expect(lab.networks[1]!.subnets).toEqual(['10.2.0.0/16', 'fd02::/64']);
  // sun_path holds 107 bytes (linux/un.h).
  expect(`${lab.controllerRoot}/run/weft/controller.sock`.length).toBeLessThanOrEqual(107);
  expect(new Set(lab.hosts.flatMap(({ addresses }) => addresses)).size).toBe(2 * MAX_HOSTS);
});

test('a lab of one host and nothing else is a lab', () => {
  const lab = layOutLab('t', '/run/weft-lab/t', { ...SHAPE, hosts: 1, containers: 0, networks: 0 });
  expect(labNamespaces(lab)).toEqual(['t-fabric', 't-h1']);
});
