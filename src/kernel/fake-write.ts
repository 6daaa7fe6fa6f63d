import type { KernelOp } from '#model/kernel-op.ts';
import { type Guard, type KernelObject, kernelKey, type Link } from '#model/kernel-state.ts';
import { FakeRefusal } from './fake-device.ts';
import type { FakeHost } from './fake-host.ts';
import { writeFakeLink } from './fake-link.ts';
import { deleteFakeRow, writeFakeRow } from './fake-row.ts';

/** Does one op, or throws {@link FakeRefusal}. `dresses`: see `peer-dress.ts`. */
export function writeFake(host: FakeHost, op: KernelOp, dresses: ReadonlyMap<string, Link>): void {
  const { verb, object } = op;
  if (object.kind === 'guard') writeFakeGuard(host, verb, object);
  else if (op.verb === 'delete') deleteFake(host, object);
  else if (object.kind === 'namespace') host.addNamespace(object.ns);
  else if (object.kind === 'link') writeFakeLink(host, op, object, dresses);
  else writeFakeRow(host, verb, object);
}

function writeFakeGuard(host: FakeHost, verb: KernelOp['verb'], guard: Guard): void {
  const { guards } = host;
  if (verb === 'delete') guards.delete(kernelKey(guard));
  else if (host.devices(guard.ns)) guards.set(kernelKey(guard), guard);
}

function deleteFake(host: FakeHost, object: Exclude<KernelObject, Guard>): void {
  if (object.kind === 'namespace') {
    host.removeNamespace(object.ns);
    return;
  }
  const device = host.namespaces.get(object.ns)?.get(object.kind === 'link' ? object.name : object.dev);
  if (!device) return;
  if (object.kind !== 'link') deleteFakeRow(device, object);
  else if (device.link.detail.type === 'loopback') throw new FakeRefusal('EOPNOTSUPP');
  else host.removeDevice(device);
}
