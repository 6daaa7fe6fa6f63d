import { type FilterObject, isFilter } from '#model/filter.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { type KernelObject, kernelKey, type Link, type Setting } from '#model/kernel-state.ts';
import type { Permit } from '#model/permit.ts';
import { FakeRefusal } from './fake-device.ts';
import { writeFakeFilter } from './fake-filter.ts';
import type { FakeHost } from './fake-host.ts';
import { writeFakeLink } from './fake-link.ts';
import { deleteFakeRow, writeFakeRow } from './fake-row.ts';

/** Does one op, or throws {@link FakeRefusal}. `dresses`: see `peer-dress.ts`. */
export function writeFake(host: FakeHost, op: KernelOp, dresses: ReadonlyMap<string, Link>): void {
  const { verb, object } = op;
  if (object.kind === 'permit') host.forwarding.write(verb, object);
  else if (isFilter(object)) writeFakeFilter(host, verb, object);
  else if (object.kind === 'setting') writeFakeSetting(host, verb, object);
  else if (op.verb === 'delete') deleteFake(host, object);
  else if (object.kind === 'namespace') host.addNamespace(object.ns);
  else if (object.kind === 'link') writeFakeLink(host, op, object, dresses);
  else writeFakeRow(host, verb, object);
}

function writeFakeSetting(host: FakeHost, verb: KernelOp['verb'], setting: Setting): void {
  if (verb !== 'delete' && host.devices(setting.ns)) host.settings.set(kernelKey(setting), setting);
}

function deleteFake(host: FakeHost, object: Exclude<KernelObject, FilterObject | Permit | Setting>): void {
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
