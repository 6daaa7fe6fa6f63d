import { cidrContains, cidrOf, ipOf, prefixLengthOf } from '#model/cidr.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { type Address, type Fdb, kernelKey, type Neighbour, type Route } from '#model/kernel-state.ts';
import { type FakeDevice, FakeRefusal } from './fake-device.ts';
import type { FakeDevices, FakeHost } from './fake-host.ts';

/** What hangs on a device. */
type Row = Address | Route | Neighbour | Fdb;

/** RTPROT_BOOT, linux/rtnetlink.h: what a route gets that says nothing of its maker. */
const BOOT_PROTOCOL = 3;

/** Makes a row, or overwrites what has its key. Throws {@link FakeRefusal}. */
export function writeFakeRow(host: FakeHost, verb: KernelOp['verb'], row: Row): void {
  const device = host.device(row.ns, row.dev);
  if (row.kind === 'address') addAddress(device, row);
  else if (row.kind === 'route') addRoute(host.devices(row.ns), device, row, verb);
  else if (row.kind === 'neighbour') device.neighbours.set(kernelKey(row), row);
  else addFdb(host.devices(row.ns), device, row);
}

/** Deletes the row that is meant; one of the same key that has changed meanwhile stays, except a neighbour. */
export function deleteFakeRow(device: FakeDevice, row: Row): void {
  const key = kernelKey(row);
  if (row.kind === 'address') deleteAddress(device, key, row);
  else if (row.kind === 'route') deleteRoute(device, key, row);
  else if (row.kind === 'neighbour') device.neighbours.delete(key);
  else if (device.fdb.get(key)?.dst === row.dst) device.fdb.delete(key);
}

/** IPv6 knows an address by itself alone, whatever its prefix length; NODAD is IPv6's. */
function addAddress(device: FakeDevice, address: Address): void {
  const key = kernelKey(address);
  if (familyOf(address.address) === 4) {
    device.addresses.set(key, { ...address, nodad: undefined });
    return;
  }
  for (const [otherKey, other] of device.addresses)
    if (ipOf(other.address) === ipOf(address.address)) device.addresses.delete(otherKey);
  device.addresses.set(key, { ...address, nodad: address.nodad ?? false });
}

/** With the last IPv4 address of a device go its IPv4 routes (net/ipv4/fib_frontend.c, fib_disable_ip). */
function deleteAddress({ addresses, routes }: FakeDevice, key: string, { address }: Address): void {
  if (!addresses.delete(key) || familyOf(address) === 6) return;
  if ([...addresses.values()].some((other) => familyOf(other.address) === 4)) return;
  for (const [route, { destination }] of routes) if (familyOf(destination) === 4) routes.delete(route);
}

/** `add` replaces a route of the same maker to the same destination, not another's; `change` replaces any. */
function addRoute(devices: FakeDevices, device: FakeDevice, route: Route, verb: KernelOp['verb']): void {
  const { via, protocol = BOOT_PROTOCOL } = route;
  const { up } = device.link;
  if (via && !(up && isOnLink(device, via)))
    throw new FakeRefusal(familyOf(via) === 4 ? 'ENETUNREACH' : 'EHOSTUNREACH');
  if (!up) throw new FakeRefusal('ENETDOWN');
  const key = kernelKey(route);
  const holder = [...devices.values()].find(({ routes }) => routes.has(key));
  if (verb === 'add' && holder && holder.routes.get(key)!.protocol !== protocol)
    throw new FakeRefusal('EEXIST');
  holder?.routes.delete(key);
  device.routes.set(key, { ...route, protocol });
}

const isOnLink = ({ addresses }: FakeDevice, ip: Ip): boolean =>
  [...addresses.values()].some(({ address }) =>
    cidrContains(cidrOf(ipOf(address), prefixLengthOf(address)), ip),
  );

function deleteRoute({ routes }: FakeDevice, key: string, { via, protocol }: Route): void {
  const there = routes.get(key);
  if (!there || (via && via !== there.via) || (protocol && protocol !== there.protocol)) return;
  routes.delete(key);
}

/** A bridge knows each MAC behind one port: a row written at another port moves it. */
function addFdb(devices: FakeDevices, device: FakeDevice, row: Fdb): void {
  const { master, detail } = device.link;
  if (row.table === 'self') {
    if (detail.type === 'vxlan' && row.state === 'static') throw new FakeRefusal('EINVAL');
  } else {
    const bridge = detail.type === 'bridge' ? row.dev : master;
    if (bridge === '') throw new FakeRefusal('EOPNOTSUPP');
    for (const { link, fdb } of devices.values())
      if (link.name === bridge || link.master === bridge) fdb.delete(kernelKey({ ...row, dev: link.name }));
  }
  device.fdb.set(kernelKey(row), row);
}
