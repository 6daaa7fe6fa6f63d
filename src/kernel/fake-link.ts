import { familyOf, type Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { kernelKey, type Link, type NamespaceName, type VxlanDetail } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { BR_STATE } from '#netlink/route/bridge-port.ts';
import type { LinkRequest } from '#netlink/route/link.ts';
import type { Bridge, Vxlan } from '#netlink/route/link-kind.ts';
import { type FakeDevice, FakeRefusal } from './fake-device.ts';
import { adjustMtu, type FakeDevices, type FakeHost } from './fake-host.ts';
import { portFrom } from './link.ts';
import { linkChanges } from './link-request.ts';

type Dresses = ReadonlyMap<string, Link>;

/** Makes or changes a link. The changes are the very messages that the real kernel is sent, each on its own. */
export function writeFakeLink(
  host: FakeHost,
  op: Exclude<KernelOp, { verb: 'delete' }>,
  link: Link,
  dresses: Dresses,
): void {
  const devices = host.devices(link.ns);
  const there = devices.get(link.name);
  const { type } = link.detail;
  if (op.verb === 'change') change(devices, there, link, op.was as Link);
  else if (type === 'loopback' || type === 'veth-peer') change(devices, there, link, {});
  else if (!there) change(devices, create(host, link, dresses), link, bornLike(link));
  else if (isSameDevice(there, link)) change(devices, there, link, there.link);
  else throw new FakeRefusal('EEXIST');
}

/** What the creating message has seen to. */
const bornLike = ({ mac, mtu, group, detail }: Link): Partial<Link> => {
  // A bridge's MTU is given after its birth, so that it counts as given.
  return {
    mac,
    mtu: detail.type === 'bridge' ? undefined : mtu,
    group,
    detail,
    master: '',
    up: false,
    arp: true,
  };
};

function create(host: FakeHost, link: Link, dresses: Dresses): FakeDevice {
  const { detail, master, ns } = link;
  if (master) host.device(ns, master);
  if (detail.type === 'vxlan') refuseSameTunnel(host, detail);
  if (detail.type === 'macvlan') host.device(ns, detail.parent);
  if (detail.type === 'other') throw new FakeRefusal('EINVAL', `a "${detail.linkKind}" is not made here`);
  if (detail.type === 'veth') return createPair(host, link, detail.peer, dresses);
  return host.addDevice({ ...link, ...bornLike(link) });
}

function createPair(
  host: FakeHost,
  link: Link,
  at: { readonly ns: NamespaceName; readonly name: string } | undefined,
  dresses: Dresses,
): FakeDevice {
  if (!at) throw new FakeRefusal('EINVAL', 'a veth is made with both its ends');
  const { ns, name } = link;
  const bare: Link = { kind: 'link', ...at, up: false, detail: { type: 'veth-peer', port: { ns, name } } };
  const { mac, mtu, group } = dresses.get(kernelKey(bare)) ?? {};
  const peer = host.addDevice({ ...bare, mac, mtu, group });
  const device = host.addDevice({ ...link, ...bornLike(link) });
  peer.peer = device;
  device.peer = peer;
  return device;
}

/** The same VNI and UDP port twice on a host is refused, wherever the devices are: their sockets are the host's. */
function refuseSameTunnel({ namespaces }: FakeHost, wished: VxlanDetail): void {
  for (const devices of namespaces.values())
    for (const { link } of devices.values())
      if (link.detail.type === 'vxlan' && isSameTunnel(link.detail, wished))
        throw new FakeRefusal('EEXIST', 'A VXLAN device with the specified VNI already exists');
}

const isSameTunnel = (a: VxlanDetail, b: VxlanDetail): boolean =>
  a.vni === b.vni && a.port === b.port && familyOf(a.local) === familyOf(b.local);

/** Whether a link of that name is the wished one, or can be made so in place. */
function isSameDevice({ link, peer }: FakeDevice, { detail }: Link): boolean {
  if (detail.type !== 'veth') return link.detail.type === detail.type && detail.type !== 'other';
  return peer !== undefined && peer.link.ns === detail.peer?.ns && peer.link.name === detail.peer.name;
}

/** One refused message does not stop those after it; the first refusal is the answer. */
function change(
  devices: FakeDevices,
  device: FakeDevice | undefined,
  wished: Link,
  was: Partial<Link>,
): void {
  if (was.detail && was.detail.type !== wished.detail.type)
    throw new FakeRefusal('EOPNOTSUPP', 'it is another kind of link');
  const indexOf = (name: string) => {
    const master = devices.get(name);
    if (!master) throw new FakeRefusal('ENODEV');
    return master.index;
  };
  const refusals: unknown[] = [];
  const names = new Map<number, string>();
  const hostIndex = (name: string) => names.set(names.size + 1, name).size;
  for (const request of linkChanges(wished, was, indexOf, hostIndex))
    try {
      if (!device) throw new FakeRefusal('ENODEV');
      setLink(devices, device, request, names);
    } catch (refusal) {
      refusals.push(refusal);
    }
  if (device) device.link = { ...device.link, ipv6: { ...device.link.ipv6, ...wished.ipv6 } };
  if (refusals.length > 0) throw refusals[0];
}

/** RTM_NEWLINK of a link that is there, in the order of net/core/rtnetlink.c. */
function setLink(
  devices: FakeDevices,
  device: FakeDevice,
  request: LinkRequest,
  names: ReadonlyMap<number, string>,
): void {
  const { vxlan, bridge, port, mtu, mac, group, master, up, arp, addrGenMode } = request;
  if (vxlan) changeVxlan(device, vxlan, names);
  if (bridge) changeBridge(device, bridge);
  if (port) {
    if (device.link.master === '') throw new FakeRefusal('EOPNOTSUPP');
    device.link = {
      ...device.link,
      port: portFrom({ ...port, state: port.state ?? BR_STATE.FORWARDING }, true),
    };
  }
  if (mtu !== undefined && mtu !== device.link.mtu) {
    device.mtuGiven = true;
    device.link = { ...device.link, mtu };
    adjustMtu(devices, device.link.master);
  }
  if (mac !== undefined) device.link = { ...device.link, mac: mac as Mac };
  if (group !== undefined) device.link = { ...device.link, group };
  if (master !== undefined) setMaster(devices, device, master);
  if (addrGenMode === 'eui64' || addrGenMode === 'none') device.link = { ...device.link, addrGenMode };
  if (arp !== undefined) device.link = { ...device.link, arp };
  if (up !== undefined) device.setUp(up);
}

/** drivers/net/vxlan/vxlan_core.c, vxlan_nl2conf: these are refused, even with the value that they have. */
function changeVxlan(
  device: FakeDevice,
  { id, port, proxy, l2miss, l3miss, ...changes }: Vxlan,
  names: ReadonlyMap<number, string>,
): void {
  if (id !== undefined) throw new FakeRefusal('EOPNOTSUPP', 'Cannot change VNI');
  if (port !== undefined) throw new FakeRefusal('EOPNOTSUPP', 'Cannot change port');
  if ([proxy, l2miss, l3miss].some((flag) => flag !== undefined))
    throw new FakeRefusal('EOPNOTSUPP', 'Flag is not supported for changelink');
  const detail = device.link.detail as VxlanDetail;
  const { remote = detail.remote, link } = changes;
  const via = link === undefined ? detail.device : names.get(link);
  const { ttl = detail.ttl, learning = detail.learning, local = detail.local } = changes;
  device.link = {
    ...device.link,
    detail: {
      ...detail,
      ttl,
      learning,
      local: local as Ip,
      remote: (isAny(remote) ? '' : remote) as Ip,
      device: isAny(remote) ? undefined : via,
    },
  };
}

const isAny = (ip: string | undefined): boolean => ip === '0.0.0.0' || ip === '::';

function changeBridge(device: FakeDevice, { stp, mcastSnooping }: Bridge): void {
  device.link = {
    ...device.link,
    detail: { type: 'bridge', stp: stp !== 0, multicastSnooping: mcastSnooping ?? true },
  };
}

function setMaster(devices: FakeDevices, device: FakeDevice, index: number): void {
  const before = device.link.master;
  device.leaveBridge();
  adjustMtu(devices, before);
  if (index === 0) return;
  const master = [...devices.values()].find((other) => other.index === index)!.link;
  if (master.detail.type !== 'bridge') throw new FakeRefusal('EOPNOTSUPP');
  device.joinBridge(master.name);
  adjustMtu(devices, master.name);
}
