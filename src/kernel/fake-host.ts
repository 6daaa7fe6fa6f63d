import { cidrContains, cidrOf, ipOf, prefixLengthOf } from '#model/cidr.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import {
  type Address,
  type Fdb,
  kernelKey,
  type Link,
  type NamespaceName,
  type Neighbour,
  type Route,
  type VxlanDetail,
} from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { FakeDevice, FakeRefusal } from './fake-device.ts';

type Devices = Map<string, FakeDevice>;
type Dresses = ReadonlyMap<string, Link>;
/** RTPROT_BOOT, linux/rtnetlink.h: what a route gets that says nothing of its maker. */
const BOOT_PROTOCOL = 3;
type Writing = Exclude<KernelOp['verb'], 'delete'>;

/** Names of the host's namespaces, their devices, and what the kernel does when they are written. */
export class FakeHost {
  readonly namespaces = new Map<NamespaceName, Devices>([['', new Map()]]);
  #macs = 0;

  /** Does one op or throws {@link FakeRefusal}. */
  write({ verb, object }: KernelOp, dresses: Dresses): void {
    if (verb === 'delete') this.#delete(object);
    else if (object.kind === 'namespace') this.addNamespace(object.ns);
    else if (object.kind === 'link') this.#writeLink(verb, object, dresses);
    else this.#writeEntry(this.#device(object.ns, object.dev), object);
  }

  #writeEntry(device: FakeDevice, object: Address | Route | Neighbour | Fdb): void {
    if (object.kind === 'address') addAddress(device, object);
    else if (object.kind === 'route') this.#addRoute(device, object);
    else if (object.kind === 'neighbour') device.neighbours.set(kernelKey(object), object);
    else this.#addFdb(device, object);
  }

  addNamespace(ns: NamespaceName): void {
    if (this.namespaces.has(ns)) return;
    const lo: Link = { kind: 'link', ns, name: 'lo', up: false, detail: { type: 'loopback' } };
    this.namespaces.set(ns, new Map([['lo', new FakeDevice(lo, '00:00:00:00:00:00' as Mac)]]));
  }

  /** With a namespace go its devices, and with those the other ends of their pairs. */
  removeNamespace(ns: NamespaceName): void {
    for (const device of this.namespaces.get(ns)?.values() ?? []) this.#removeDevice(device);
    this.namespaces.delete(ns);
  }

  /** One end of a pair whose other end is nowhere that we look. */
  addForeignInterface(ns: NamespaceName, name: string): void {
    const link: Link = { kind: 'link', ns, name, up: true, detail: { type: 'other', linkKind: 'veth' } };
    this.#devices(ns).set(name, new FakeDevice(link, this.#nextMac()));
  }

  #delete(object: KernelOp['object']): void {
    if (object.kind === 'namespace') {
      this.removeNamespace(object.ns);
      return;
    }
    const device = this.namespaces.get(object.ns)?.get(object.kind === 'link' ? object.name : object.dev);
    if (!device) return;
    if (object.kind === 'link') {
      if (device.link.detail.type === 'loopback') throw new FakeRefusal('EOPNOTSUPP');
      this.#removeDevice(device);
    } else if (object.kind === 'address') deleteAddress(device, object);
    else if (object.kind === 'route') deleteRoute(device, object);
    else if (object.kind === 'neighbour') device.neighbours.delete(kernelKey(object));
    else if (device.fdb.get(kernelKey(object))?.dst === object.dst) device.fdb.delete(kernelKey(object));
  }

  #removeDevice(device: FakeDevice): void {
    const devices = this.namespaces.get(device.link.ns)!;
    devices.delete(device.link.name);
    for (const port of devices.values()) if (port.link.master === device.link.name) port.leaveBridge();
    this.#adjustMtu(devices.get(device.link.master));
    const peer = device.peer;
    device.peer = undefined;
    if (peer?.peer) this.#removeDevice(peer);
  }

  #devices(ns: NamespaceName): Devices {
    const devices = this.namespaces.get(ns);
    if (!devices) throw new FakeRefusal('ENOENT', `namespace ${ns} does not exist`);
    return devices;
  }

  #device(ns: NamespaceName, name: string): FakeDevice {
    const device = this.#devices(ns).get(name);
    if (!device) throw new FakeRefusal('ENODEV');
    return device;
  }

  #writeLink(verb: Writing, link: Link, dresses: Dresses): void {
    const present = this.#devices(link.ns).get(link.name);
    const { type } = link.detail;
    if (!present) {
      if (verb === 'change' || type === 'loopback' || type === 'veth-peer') throw new FakeRefusal('ENODEV');
      this.#configure(this.#create(link, dresses), link);
      return;
    }
    if (!isSameDevice(present, link)) throw new FakeRefusal(verb === 'add' ? 'EEXIST' : 'EOPNOTSUPP');
    this.#configure(present, link);
  }

  #create(link: Link, dresses: Dresses): FakeDevice {
    const { detail } = link;
    if (detail.type === 'vxlan') this.#refuseSameTunnel(detail);
    if (detail.type === 'macvlan') this.#device(link.ns, detail.parent);
    if (detail.type === 'other') throw new FakeRefusal('EOPNOTSUPP');
    // A bridge's MTU is given after its birth, so that it counts as given.
    const born = detail.type === 'bridge' ? { ...link, mtu: undefined } : link;
    const device = new FakeDevice(born, this.#nextMac());
    if (detail.type === 'veth') this.#createPeer(device, detail.peer, dresses);
    this.#devices(link.ns).set(link.name, device);
    return device;
  }

  #createPeer(
    device: FakeDevice,
    at: { ns: NamespaceName; name: string } | undefined,
    dresses: Dresses,
  ): void {
    if (!at) throw new FakeRefusal('EINVAL');
    const devices = this.#devices(at.ns);
    if (devices.has(at.name)) throw new FakeRefusal('EEXIST');
    const { ns, name } = device.link;
    const bare: Link = { kind: 'link', ...at, up: false, detail: { type: 'veth-peer', port: { ns, name } } };
    const { mac, mtu, group } = dresses.get(kernelKey(bare)) ?? {};
    const peer = new FakeDevice({ ...bare, mac, mtu, group }, this.#nextMac());
    peer.peer = device;
    device.peer = peer;
    devices.set(at.name, peer);
  }

  /** The same VNI and UDP port twice on a host is refused, wherever the devices are (their sockets are the host's). */
  #refuseSameTunnel(wished: VxlanDetail): void {
    for (const devices of this.namespaces.values())
      for (const { link } of devices.values())
        if (
          link.detail.type === 'vxlan' &&
          link.detail.vni === wished.vni &&
          link.detail.port === wished.port
        )
          if (familyOf(link.detail.local) === familyOf(wished.local))
            throw new FakeRefusal('EEXIST', 'A VXLAN device with the specified VNI already exists');
  }

  #configure(device: FakeDevice, wished: Link): void {
    const { mac, mtu, group, addrGenMode, master, port, up, detail } = wished;
    refuseFrozenFlags(device.link, wished);
    const devices = this.#devices(wished.ns);
    if (master !== undefined && master !== device.link.master) this.#enslave(device, master, devices);
    if (mtu !== undefined && mtu !== device.link.mtu) device.mtuGiven = true;
    const { link } = device;
    device.link = {
      ...link,
      mac: mac ?? link.mac,
      mtu: mtu ?? link.mtu,
      group: group ?? link.group,
      addrGenMode: addrGenMode ?? link.addrGenMode,
      detail: detail.type === 'veth' || detail.type === 'veth-peer' ? link.detail : detail,
    };
    this.#adjustMtu(devices.get(device.link.master));
    if (port) {
      if (device.link.master === '') throw new FakeRefusal('EOPNOTSUPP');
      device.link = { ...device.link, port };
    }
    device.setUp(up);
  }

  #enslave(device: FakeDevice, master: string, devices: Devices): void {
    const before = devices.get(device.link.master);
    if (master === '') device.leaveBridge();
    else if (devices.get(master)?.link.detail.type === 'bridge') device.joinBridge(master);
    else throw new FakeRefusal(devices.has(master) ? 'EOPNOTSUPP' : 'ENODEV');
    this.#adjustMtu(before);
  }

  /** net/bridge/br_if.c, br_mtu_auto_adjust. */
  #adjustMtu(bridge: FakeDevice | undefined): void {
    if (!bridge || bridge.mtuGiven) return;
    const ports = [...this.#devices(bridge.link.ns).values()].filter(
      ({ link }) => link.master === bridge.link.name,
    );
    bridge.link = {
      ...bridge.link,
      mtu: Math.min(...ports.map(({ link }) => link.mtu), ports.length ? Infinity : 1500),
    };
  }

  /** A bridge knows each MAC behind one port: a row written at another port moves it. */
  #addFdb(device: FakeDevice, row: Fdb): void {
    if (row.table === 'master') {
      if (device.link.master === '') throw new FakeRefusal('EOPNOTSUPP');
      for (const other of this.#devices(row.ns).values())
        if (other.link.master === device.link.master)
          other.fdb.delete(kernelKey({ ...row, dev: other.link.name }));
    } else if (device.link.detail.type === 'vxlan' && row.state === 'static') throw new FakeRefusal('EINVAL');
    device.fdb.set(kernelKey(row), row);
  }

  /** Another's route to the same destination is not replaced; one of the same protocol is. */
  #addRoute(device: FakeDevice, route: Route): void {
    if (!device.link.up) throw new FakeRefusal('ENETDOWN');
    const { via, protocol = BOOT_PROTOCOL } = route;
    if (via && !isOnLink(device, via))
      throw new FakeRefusal(familyOf(via) === 4 ? 'ENETUNREACH' : 'EHOSTUNREACH');
    const key = kernelKey(route);
    const holder = [...this.#devices(route.ns).values()].find(({ routes }) => routes.has(key));
    if (holder && holder.routes.get(key)!.protocol !== protocol) throw new FakeRefusal('EEXIST');
    holder?.routes.delete(key);
    device.routes.set(key, { ...route, protocol });
  }

  #nextMac(): Mac {
    const hex = (++this.#macs).toString(16).padStart(8, '0');
    return `0a:fe:${hex.match(/../g)!.join(':')}` as Mac;
  }
}

/** Whether a link of that name is the wished one, or can be made so in place. */
function isSameDevice({ link, peer }: FakeDevice, { detail }: Link): boolean {
  if (detail.type === 'veth' && peer)
    return !detail.peer || (peer.link.ns === detail.peer.ns && peer.link.name === detail.peer.name);
  if (detail.type === 'veth-peer' && peer)
    return peer.link.ns === detail.port.ns && peer.link.name === detail.port.name;
  return link.detail.type === detail.type && detail.type !== 'other';
}

/** Of a live VXLAN device these cannot be changed (drivers/net/vxlan/vxlan_core.c, vxlan_nl2conf). */
function refuseFrozenFlags({ detail: was }: Link, { detail: wished }: Link): void {
  if (was.type !== 'vxlan' || wished.type !== 'vxlan') return;
  if (was.vni !== wished.vni) throw new FakeRefusal('EOPNOTSUPP', 'Cannot change VNI');
  if (was.port !== wished.port) throw new FakeRefusal('EOPNOTSUPP', 'Cannot change UDP port');
  for (const flag of ['proxy', 'l2miss', 'l3miss'] as const)
    if (was[flag] !== wished[flag]) throw new FakeRefusal('EOPNOTSUPP', 'Cannot change flag');
}

const isOnLink = ({ addresses }: FakeDevice, ip: Ip): boolean =>
  [...addresses.values()].some(({ address }) =>
    cidrContains(cidrOf(ipOf(address), prefixLengthOf(address)), ip),
  );

function addAddress(device: FakeDevice, address: Address): void {
  for (const [key, other] of device.addresses)
    if (address.address.includes(':') && ipOf(other.address) === ipOf(address.address))
      device.addresses.delete(key);
  device.addresses.set(kernelKey(address), { ...address, nodad: address.nodad ?? false });
}

/** With the last IPv4 address of a device go its IPv4 routes (net/ipv4/fib_frontend.c, fib_disable_ip). */
function deleteAddress(device: FakeDevice, address: Address): void {
  if (!device.addresses.delete(kernelKey(address)) || address.address.includes(':')) return;
  if ([...device.addresses.values()].some((other) => !other.address.includes(':'))) return;
  for (const [key, { destination }] of device.routes)
    if (!destination.includes(':')) device.routes.delete(key);
}

/** Deletes the route meant, not another one to the same destination. */
function deleteRoute(device: FakeDevice, { via, protocol, ...route }: Route): void {
  const there = device.routes.get(kernelKey(route));
  if (!there || (via && via !== there.via) || (protocol && protocol !== there.protocol)) return;
  device.routes.delete(kernelKey(route));
}
