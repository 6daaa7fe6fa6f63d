import type { FilterObject } from '#model/filter.ts';
import { kernelKey, type Link, type NamespaceName, type Setting } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { BRIDGE_CALLS, FORWARDING, FORWARDING_OF_DEVICES } from '#model/setting.ts';
import { FakeDevice, FakeRefusal } from './fake-device.ts';
import { FakeForwarding } from './fake-forwarding.ts';

/** The devices of one namespace by name. */
export type FakeDevices = Map<string, FakeDevice>;

/** The namespaces of a host with all that is in them; what goes with what. */
export class FakeHost {
  readonly namespaces = new Map<NamespaceName, FakeDevices>([['', new Map()]]);
  /** Tables of nftables by namespace, what is in them by kind and key. */
  readonly filters = new Map<NamespaceName, Map<string, FilterObject>>();
  /** By namespace and name; of the host's own what was written. */
  readonly settings = new Map<string, Setting>();
  readonly forwarding = new FakeForwarding();
  #made = 0;

  /** Throws ENOENT. */
  devices(ns: NamespaceName): FakeDevices {
    const devices = this.namespaces.get(ns);
    if (!devices) throw new FakeRefusal('ENOENT', `namespace ${ns} is not there`);
    return devices;
  }

  /** Throws ENOENT, ENODEV. */
  device(ns: NamespaceName, name: string): FakeDevice {
    const device = this.devices(ns).get(name);
    if (!device) throw new FakeRefusal('ENODEV');
    return device;
  }

  addNamespace(ns: NamespaceName): void {
    if (this.namespaces.has(ns)) return;
    this.namespaces.set(ns, new Map());
    for (const name of [
      ...Object.values(FORWARDING),
      ...Object.values(BRIDGE_CALLS),
      FORWARDING_OF_DEVICES,
    ]) {
      const setting: Setting = { kind: 'setting', ns, name, value: '0' };
      this.settings.set(kernelKey(setting), setting);
    }
    const lo = this.addDevice({ kind: 'link', ns, name: 'lo', up: false, detail: { type: 'loopback' } });
    lo.link = { ...lo.link, mac: '00:00:00:00:00:00' as Mac, mtu: 65536 };
  }

  /** With a namespace go its devices, and with those the other ends of their pairs. */
  removeNamespace(ns: NamespaceName): void {
    for (const device of this.namespaces.get(ns)?.values() ?? []) this.removeDevice(device);
    this.namespaces.delete(ns);
    this.filters.delete(ns);
    for (const [key, setting] of this.settings) if (setting.ns === ns) this.settings.delete(key);
  }

  /** A device, down and without a master. Throws EEXIST when the name is taken. */
  addDevice(link: Link): FakeDevice {
    const devices = this.devices(link.ns);
    if (devices.has(link.name)) throw new FakeRefusal('EEXIST');
    const device = new FakeDevice(link, ++this.#made);
    devices.set(link.name, device);
    return device;
  }

  /** Into another namespace, or to another name. */
  moveDevice(device: FakeDevice, ns: NamespaceName, name: string): void {
    if (ns === device.link.ns && name === device.link.name) return;
    const devices = this.devices(ns);
    if (devices.has(name)) throw new FakeRefusal('EEXIST');
    device.setUp(false);
    device.addresses.clear();
    this.devices(device.link.ns).delete(device.link.name);
    device.link = { ...device.link, ns, name };
    devices.set(name, device);
  }

  /** A bridge lets its ports go; a veth takes its other end along. */
  removeDevice(device: FakeDevice): void {
    const devices = this.devices(device.link.ns);
    devices.delete(device.link.name);
    for (const port of devices.values()) if (port.link.master === device.link.name) port.leaveBridge();
    adjustMtu(devices, device.link.master);
    const peer = device.peer;
    device.peer = undefined;
    if (peer?.peer) this.removeDevice(peer);
  }
}

/** net/bridge/br_if.c, br_mtu_auto_adjust: the smallest of its ports, until it is given one. */
export function adjustMtu(devices: FakeDevices, bridgeName: string): void {
  const bridge = devices.get(bridgeName);
  if (!bridge || bridge.mtuGiven) return;
  const ports = [...devices.values()].filter(({ link }) => link.master === bridgeName);
  const mtu = ports.length > 0 ? Math.min(...ports.map(({ link }) => link.mtu)) : 1500;
  bridge.link = { ...bridge.link, mtu };
}
