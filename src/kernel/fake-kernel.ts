import type { BridgeFacts } from '#model/bridge-facts.ts';
import { ipOf } from '#model/cidr.ts';
import { isFilter } from '#model/filter.ts';
import { type KernelOp, type OpResult, singleOps } from '#model/kernel-op.ts';
import {
  type Address,
  addKernelObject,
  emptyKernelState,
  type Fdb,
  HOST_NAMESPACE,
  type KernelObject,
  type Link,
  type LinkDetail,
  type MutableKernelTables,
  type NamespaceName,
  type Neighbour,
} from '#model/kernel-state.ts';
import { type Mac, ZERO_MAC } from '#model/mac.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import {
  GATEWAY_DEVICES,
  gatewayNameOf,
  isOverlayNamespace,
  isOverlayNamespaceOf,
  isOwnHostLink,
  UPLINK_NAME,
} from '#model/own.ts';
import type { PermitFamily } from '#model/permit.ts';
import { type FakeDevice, FakeRefusal } from './fake-device.ts';
import { emptyDoomedChains, seenFilter } from './fake-filter.ts';
import type { Firewall } from './fake-forwarding.ts';
import { FakeHost } from './fake-host.ts';
import { writeFake } from './fake-write.ts';
import type {
  Claim,
  FoundEnd,
  Kernel,
  KernelEvent,
  LostEnd,
  Miss,
  MissSource,
  Observed,
  PortFrames,
  PortPlace,
  Scope,
} from './kernel.ts';
import { opError } from './op-error.ts';
import { peerDresses } from './peer-dress.ts';
import { RefusedInterfaces } from './refused-interfaces.ts';

interface InjectedFailure {
  readonly matches: (op: KernelOp) => boolean;
  readonly errno: string;
  readonly text?: string;
}

/**
 * One host's kernel in memory, for tests and for the simulator: it behaves as the real one does wherever Weft can
 * tell (see `kernel.contract.ts` and the differential test), at once and without chance.
 */
export class FakeKernel implements Kernel {
  readonly #host = new FakeHost();
  readonly #containers = new Map<NamespaceName, NamespaceRef>();
  readonly #stations = new Map<string, BridgeFacts['stations']>();
  readonly #watchers = new Set<(event: KernelEvent) => void>();
  #onMisses: (misses: readonly Miss[]) => void = () => {};
  #onClaims: (claims: readonly Claim[]) => void = () => {};
  /** Who is told of the frames that are handed to containers. */
  onFrame: (to: Required<MissSource>, frame: Uint8Array) => void = () => {};
  onAnnouncement: (frames: PortFrames) => void = () => {};
  /** Which rows no frame has used for long. */
  idle: (row: Fdb) => boolean = () => false;
  #failures: InjectedFailure[] = [];
  #cookies = 0;

  /** A container's namespace, as its runtime makes it. At the path of an earlier one it is another namespace. */
  createContainerNamespace(path: NamespaceName): NamespaceRef {
    this.removeContainerNamespace(path);
    const cookie = ++this.#cookies;
    const ref = { path, dev: 4, inode: 4_026_532_000 + cookie, cookie: String(cookie) };
    this.#containers.set(path, ref);
    this.#host.addNamespace(path);
    return ref;
  }

  /** The container ends: its interfaces go, and the ports that they were plugged into. */
  removeContainerNamespace(path: NamespaceName): void {
    if (!this.#containers.delete(path)) return;
    this.#host.removeNamespace(path);
    this.#tell({ dirty: 'all' });
  }

  /** Another program gives a container an interface that is none of ours. */
  addForeignInterface(path: NamespaceName, name: string): void {
    const detail = { type: 'other', linkKind: 'veth' } as const;
    this.#host.addDevice({ kind: 'link', ns: path, name, up: false, detail });
  }

  /** The next op that matches fails once with that errno and is not carried out. */
  failNext(matches: (op: KernelOp) => boolean, errno: string, text?: string): void {
    this.#failures.push({ matches, errno, text });
  }

  /** Failures asked for that have not happened: a test that injects must see 0 at its end. */
  get pendingFailures(): number {
    return this.#failures.length;
  }

  async observe(scope: Scope): Promise<Observed> {
    const state = {
      ...emptyKernelState(),
      rowSums: new Map<NamespaceName, string>(),
      bridges: new Map<string, BridgeFacts>(),
      drops: this.#host.forwarding.drops,
    };
    for (const permit of this.#host.forwarding.permits) addKernelObject(state, permit);
    this.#observeHost(state, scope);
    const overlays = [...this.#host.namespaces.keys()].filter(
      (ns) => isOverlayNamespaceOf(scope.hostTag, ns) && (scope.overlays?.includes(ns) ?? true),
    );
    const ends = new Set(overlays.map(gatewayNameOf));
    const containers = scope.containers.filter(({ namespace }) => this.#isAlive(namespace));
    const seen = new Set([HOST_NAMESPACE, ...overlays, ...containers.map(({ namespace }) => namespace.path)]);
    for (const device of this.#host.devices(HOST_NAMESPACE).values())
      if (isGatewayEnd(device.link) && (!scope.overlays || ends.has(device.link.name)))
        addDevice(state, device, seen);
    for (const setting of this.#host.settings.values())
      if (setting.ns === HOST_NAMESPACE || overlays.includes(setting.ns)) addKernelObject(state, setting);
    for (const ns of overlays) {
      addKernelObject(state, { kind: 'namespace', ns });
      const devices = [...this.#host.namespaces.get(ns)!.values()];
      for (const device of devices) addDevice(state, device, seen);
      this.#addFilters(state, ns);
      if (scope.rows !== 'none') state.rowSums.set(ns, sumOf(devices));
      if (!scope.rows)
        for (const row of [...devices.flatMap(rowsOf), ...devices.flatMap(fixedOf)])
          addKernelObject(state, row);
    }
    for (const { namespace, interfaces } of containers)
      for (const device of this.#host.namespaces.get(namespace.path)!.values())
        if (device.link.name === 'lo' || interfaces.includes(device.link.name))
          addDevice(state, device, seen);
    return state;
  }

  #observeHost(state: MutableKernelTables & Pick<Observed, 'rowSums' | 'bridges'>, scope: Scope): void {
    const devices = [...this.#host.devices(HOST_NAMESPACE).values()];
    const own = devices.filter(({ link }) => isOwnHostLink(link) && link.detail.type === 'vxlan');
    const bridges = devices.filter(({ link }) => scope.bridges?.includes(link.name));
    for (const device of [...own, ...bridges]) addDevice(state, device, new Set());
    const facts = state.bridges as Map<string, BridgeFacts>;
    for (const bridge of bridges) {
      const stations = this.#stations.get(bridge.link.name) ?? [];
      facts.set(bridge.link.name, { ...fakeBridgeFacts(bridge, devices), stations });
    }
    this.#addFilters(state, HOST_NAMESPACE);
    if (own.length > 0 && scope.rows !== 'none')
      (state.rowSums as Map<NamespaceName, string>).set(HOST_NAMESPACE, sumOf(own));
    if (!scope.rows) for (const row of own.flatMap(rowsOf)) addKernelObject(state, row);
  }

  #addFilters(state: MutableKernelTables, ns: NamespaceName): void {
    for (const object of this.#host.filters.get(ns)?.values() ?? [])
      addKernelObject(state, seenFilter(object));
  }

  /** Another program's bridge in the host's own namespace, as Docker makes one. */
  addHostBridge(name: string, mac: Mac, addresses: readonly Address[] = []): void {
    const detail = { type: 'bridge', stp: false, multicastSnooping: true } as const;
    const device = this.#host.addDevice({ kind: 'link', ns: HOST_NAMESPACE, name, up: true, detail });
    device.link = { ...device.link, mac };
    for (const address of addresses) device.addresses.set(address.address, address);
    this.#tell({ dirty: 'namespace', ns: HOST_NAMESPACE });
  }

  /** Somebody makes another firewall of iptables, or Docker does. */
  setFirewall(family: PermitFamily, firewall: Firewall): void {
    this.#host.forwarding.set(family, firewall);
    this.#tell({ dirty: 'namespace', ns: HOST_NAMESPACE });
  }

  /** Who is behind its other ports now, as far as it has learned. */
  setStations(bridge: string, stations: BridgeFacts['stations']): void {
    this.#stations.set(bridge, stations);
    this.#tell({ dirty: 'namespace', ns: HOST_NAMESPACE });
  }

  /** Whoever owns it removes it, or a link of ours. */
  removeHostLink(name: string): void {
    const device = this.#host.devices(HOST_NAMESPACE).get(name);
    if (device) this.#host.removeDevice(device);
    this.#tell({ dirty: 'namespace', ns: HOST_NAMESPACE });
  }

  async apply(ops: readonly KernelOp[], scope: Scope): Promise<OpResult[]> {
    const dresses = peerDresses(ops);
    const refused = new RefusedInterfaces();
    const gone = new Set(
      scope.containers.filter((c) => !this.#isAlive(c.namespace)).map((c) => c.namespace.path),
    );
    const touched = new Map<string, KernelEvent>();
    emptyDoomedChains(this.#host, ops);
    const results = singleOps(ops).map((op): OpResult => {
      const error = refused.refusalOf(op) ?? this.#write(op, dresses, gone);
      if (error) refused.note(op, error);
      else if (isRow(op.object)) this.#tell({ dirty: 'row', row: op.object, gone: op.verb === 'delete' });
      else {
        const event = eventOf(op.object);
        touched.set(JSON.stringify(event), event);
      }
      return error ? { ok: false, op, error } : { ok: true, op };
    });
    for (const event of touched.values()) this.#tell(event);
    return results;
  }

  async settle(): Promise<void> {}

  watch(onEvent: (event: KernelEvent) => void): () => void {
    this.#watchers.add(onEvent);
    return () => void this.#watchers.delete(onEvent);
  }

  watchMisses(onMisses: (misses: readonly Miss[]) => void): void {
    this.#onMisses = onMisses;
  }

  /** A container's question, or a frame of its for a MAC, in a network whose device tells its misses. */
  miss(miss: Miss): void {
    const devices = [...(this.#host.namespaces.get(miss.ns)?.values() ?? [])];
    if (this.#watchers.size > 0 && devices.some(tellsMisses)) this.#onMisses([miss]);
  }

  watchClaims(onClaims: (claims: readonly Claim[]) => void): void {
    this.#onClaims = onClaims;
  }

  /** Somebody behind a bridge of the host speaks. */
  claim(claim: Claim): void {
    if (this.#watchers.size > 0) this.#onClaims([claim]);
  }

  /** Time does not pass here: nothing is muted. */
  muteMisses(): void {}

  sendFrame(to: Required<MissSource>, frame: Uint8Array): void {
    this.onFrame(to, frame);
  }

  announce(frames: PortFrames): void {
    this.onAnnouncement(frames);
  }

  /** As `idle` says; all of them when no time is to have passed. */
  async idleRows(overlays: readonly NamespaceName[], idleMs: number): Promise<Fdb[]> {
    const devices = overlays.flatMap((ns) => [...(this.#host.namespaces.get(ns)?.values() ?? [])]);
    const rows = devices
      .filter(({ link }) => link.detail.type === 'vxlan')
      .flatMap(({ fdb }) => [...fdb.values()]);
    return rows.filter(
      (row) => row.table === 'self' && row.mac !== ZERO_MAC && (idleMs === 0 || this.idle(row)),
    );
  }

  async findEnd(port: PortPlace, path: string): Promise<FoundEnd | LostEnd | undefined> {
    const device = this.#host.namespaces.get(port.ns)?.get(port.name);
    const namespace = this.#containers.get(path);
    if (!device && namespace) return { namespace, interfaces: [...this.#host.namespaces.get(path)!.keys()] };
    const end = device?.peer?.link;
    return end?.ns === path && namespace ? { namespace, interface: end.name, isUp: end.up } : undefined;
  }

  hasLink({ ns, name }: PortPlace): boolean {
    return this.#host.namespaces.get(ns)?.has(name) ?? false;
  }

  /** A runtime moves a link from one namespace to another, under another name; it arrives down, and is then set up. */
  moveLink(from: PortPlace, to: PortPlace, up: boolean): void {
    const device = this.#host.namespaces.get(from.ns)?.get(from.name);
    if (!device) return;
    this.#host.moveDevice(device, to.ns, to.name);
    device.setUp(up);
    for (const { ns } of [from, to]) this.#tell({ dirty: 'namespace', ns });
    const port = device.peer?.link;
    if (up && port) this.#tell({ dirty: 'namespace', ns: port.ns, raised: port.name });
  }

  async close(): Promise<void> {
    this.#watchers.clear();
  }

  #write(op: KernelOp, dresses: ReadonlyMap<string, Link>, gone: ReadonlySet<NamespaceName>) {
    const { verb, object } = op;
    const failure = this.#failures.find(({ matches }) => matches(op));
    if (failure) {
      this.#failures = this.#failures.filter((other) => other !== failure);
      return opError(op, failure.errno, failure.text);
    }
    if (gone.has(object.ns))
      return verb === 'delete' ? undefined : opError(op, 'ENOENT', `namespace ${object.ns} is not there`);
    try {
      writeFake(this.#host, op, dresses);
      return undefined;
    } catch (error) {
      if (!(error instanceof FakeRefusal)) throw error;
      return opError(op, error.errno, error.text);
    }
  }

  #isAlive({ path, cookie }: NamespaceRef): boolean {
    return path === HOST_NAMESPACE || this.#containers.get(path)?.cookie === cookie;
  }

  #tell(event: KernelEvent): void {
    for (const watcher of [...this.#watchers]) watcher(event);
  }
}

const tellsMisses = ({ link: { detail } }: FakeDevice): boolean =>
  detail.type === 'vxlan' && (detail.l2miss || detail.l3miss);

const isRow = (object: KernelObject): object is Fdb | Neighbour =>
  object.kind === 'neighbour' || object.kind === 'fdb';

function addDevice(state: MutableKernelTables, device: FakeDevice, seen: ReadonlySet<NamespaceName>): void {
  addKernelObject(state, { ...device.link, detail: detailOf(device, seen) });
  for (const address of device.addresses.values()) addKernelObject(state, address);
  for (const route of device.routes.values()) addKernelObject(state, route);
}

const rowsOf = (device: FakeDevice): (Fdb | Neighbour)[] => [
  ...(device.link.detail.type === 'vxlan' ? device.neighbours.values() : []),
  ...device.ownRows(),
  ...device.fdb.values(),
];

const fixedOf = ({ link, neighbours }: FakeDevice): Neighbour[] =>
  GATEWAY_DEVICES.has(link.name) ? [...neighbours.values()].filter(({ state }) => state === 'permanent') : [];

function fakeBridgeFacts(
  { link, addresses }: FakeDevice,
  devices: readonly FakeDevice[],
): Omit<BridgeFacts, 'stations'> {
  const ports = devices.filter((port) => port.link.master === link.name && !isOwnHostLink(port.link));
  return {
    mac: link.mac!,
    mtu: link.mtu!,
    portMtu: Math.max(0, ...ports.map((port) => port.link.mtu ?? 0)),
    addresses: [...addresses.values()].map(({ address }) => ipOf(address)),
  };
}

const sumOf = (devices: readonly FakeDevice[]): string =>
  devices
    .flatMap(rowsOf)
    .filter(({ state }) => state === 'permanent' || state === 'static')
    .map((row) => JSON.stringify(row))
    .sort()
    .join();

/** As the watch of the host's own namespace has it. */
function eventOf(object: KernelObject): KernelEvent {
  const { ns } = object;
  const device = object.kind === 'link' ? object.name : 'dev' in object ? object.dev : '';
  if (ns === HOST_NAMESPACE && isFilter(object) && object.kind !== 'permit')
    return { dirty: 'namespace', ns, about: 'rules' };
  const isOurs = ns === HOST_NAMESPACE && device.startsWith('wf');
  return { dirty: 'namespace', ns, ...(isOurs && { about: { device } }) };
}

/** The two ends of a network's way out. */
const isGatewayEnd = (link: Link): boolean => link.name.startsWith('wfg') && isOwnHostLink(link);
const isUplink = ({ ns, name }: Link): boolean => name === UPLINK_NAME && isOverlayNamespace(ns);

/** A pair is ours when its port is in an overlay namespace that was looked at; the rest are strangers' veths. */
function detailOf({ link, peer }: FakeDevice, seen: ReadonlySet<NamespaceName>): LinkDetail {
  const { type } = link.detail;
  if (type !== 'veth' && type !== 'veth-peer') return link.detail;
  const other = peer && seen.has(peer.link.ns) ? { ns: peer.link.ns, name: peer.link.name } : undefined;
  if (other && isUplink(link) && other.ns === HOST_NAMESPACE) return { type: 'veth-peer', port: other };
  if (isOverlayNamespace(link.ns) || isGatewayEnd(link)) return { type: 'veth', peer: other };
  return other && isOverlayNamespace(other.ns)
    ? { type: 'veth-peer', port: other }
    : { type: 'other', linkKind: 'veth' };
}
