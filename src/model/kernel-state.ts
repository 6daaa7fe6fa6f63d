import type { Cidr, InterfaceAddress } from './cidr.ts';
import type { Chain, Element, FilterSet } from './filter.ts';
import type { Ip } from './ip.ts';
import type { Mac } from './mac.ts';
import type { Permit } from './permit.ts';
import { fdbTable, neighbourTable, type RowTable } from './row-table.ts';
import type { Vni } from './vni.ts';

/**
 * Which network namespace: `''` is the agent's own (the host), a plain word is a name under `/run/netns`, and
 * what begins with `/` is the path of a container's namespace.
 */
export type NamespaceName = string;
export const HOST_NAMESPACE: NamespaceName = '';
export const isContainer = (ns: NamespaceName): boolean => ns.startsWith('/');

/** The kernel objects that Weft reads and writes, as values. Optional fields: of no interest when wished for. */
export type KernelObject =
  | Namespace
  | Link
  | FilterSet
  | Element
  | Chain
  | Permit
  | Setting
  | Address
  | Route
  | Neighbour
  | Fdb;
export type KernelKind = KernelObject['kind'];
export type KernelObjectOf<K extends KernelKind> = Extract<KernelObject, { kind: K }>;
export const KERNEL_KINDS: readonly KernelKind[] = [
  'namespace',
  'link',
  'set',
  'element',
  'chain',
  'permit',
  'setting',
  'address',
  'route',
  'neighbour',
  'fdb',
];

/** A named network namespace, pinned under `/run/netns`: `ip netns add NAME`. */
export interface Namespace {
  readonly kind: 'namespace';
  readonly ns: NamespaceName;
  /** Observed: the name alone, without a namespace. Who made or deleted it died halfway. */
  readonly hollow?: true;
}

export interface Link {
  readonly kind: 'link';
  readonly ns: NamespaceName;
  readonly name: string;
  readonly up: boolean;
  /** Whether it asks and answers who has an address; without, `proxy` answers nothing either. */
  readonly arp?: boolean;
  readonly mac?: Mac;
  readonly mtu?: number;
  /** Name of the bridge it is a port of; '' is none. */
  readonly master?: string;
  /** IFLA_GROUP: our mark in namespaces that are not ours. */
  readonly group?: number;
  /** `none`: the kernel makes no link-local address of its own. */
  readonly addrGenMode?: 'eui64' | 'none' | 'other';
  /** `sysctl net.ipv6.conf.NAME.…`; a link without any IPv6 counts as neither disabled nor heeding anybody. */
  readonly ipv6?: Ipv6Settings;
  readonly detail: LinkDetail;
  /** How the bridge treats it, when it is a port. */
  readonly port?: Partial<BridgePort>;
}

export interface Ipv6Settings {
  /** Setting it costs the link its IPv6 addresses and neighbours, and keeps others from being added. */
  readonly disabled?: boolean;
  /** Whether anybody heard there can give it addresses and routes (router advertisements). */
  readonly acceptRa?: boolean;
}

export type LinkDetail =
  | BridgeDetail
  | VxlanDetail
  | VethDetail
  | VethPeerDetail
  | MacvlanDetail
  | { readonly type: 'loopback' }
  /** A stranger's: only its kind is known. */
  | { readonly type: 'other'; readonly linkKind: string };

export interface BridgeDetail {
  readonly type: 'bridge';
  readonly stp: boolean;
  readonly multicastSnooping: boolean;
}

export interface VxlanDetail {
  readonly type: 'vxlan';
  readonly vni: Vni;
  readonly port: number;
  readonly local: Ip;
  readonly ttl: number;
  /** Where the kernel itself sends frames for nobody known, by an all-zero row of its own: a group; '' is nowhere. */
  readonly remote?: Ip | '';
  /** The host's interface that a group is joined on and sent to. */
  readonly device?: string;
  readonly learning: boolean;
  readonly proxy: boolean;
  readonly l2miss: boolean;
  readonly l3miss: boolean;
}

/** Our end of a pair. Creating it creates the other end too, in its own namespace, already named and dressed. */
export interface VethDetail {
  readonly type: 'veth';
  /** `undefined` when observed and the other end is in a namespace that was not looked at. */
  readonly peer?: { readonly ns: NamespaceName; readonly name: string };
}

/** The container's end of a pair. It is born with the port ({@link VethDetail}); "adding" it only configures it. */
export interface VethPeerDetail {
  readonly type: 'veth-peer';
  /** Where our end is. */
  readonly port: { readonly ns: NamespaceName; readonly name: string };
}

export interface MacvlanDetail {
  readonly type: 'macvlan';
  readonly parent: string;
  readonly mode: 'private' | 'vepa' | 'bridge' | 'passthru';
}

/** `bridge link set dev … learning … flood …` */
export interface BridgePort {
  readonly learning: boolean;
  readonly unicastFlood: boolean;
  readonly multicastFlood: boolean;
  readonly broadcastFlood: boolean;
  readonly hairpin: boolean;
  readonly neighSuppress: boolean;
  readonly isolated: boolean;
  readonly locked: boolean;
  /** STP's state; a port that does not run yet counts as forwarding, since it will be. */
  readonly forwarding: boolean;
}

/** A namespace's setting under /proc/sys. */
export interface Setting {
  readonly kind: 'setting';
  readonly ns: NamespaceName;
  /** `net/ipv4/ip_forward`: with `/`, since device names have dots. */
  readonly name: string;
  readonly value: string;
}

export interface Address {
  readonly kind: 'address';
  readonly ns: NamespaceName;
  readonly dev: string;
  readonly address: InterfaceAddress;
  /** IFA_F_NODAD: usable at once, no neighbour solicitation first. Only IPv6. */
  readonly nodad?: boolean;
  /** Seen only: the route to its subnet, which the kernel made with it, has been taken away. */
  readonly unrouted?: true;
  /** Seen only: the kernel will take it away when its time has come. */
  readonly expires?: true;
}

export interface Route {
  readonly kind: 'route';
  readonly ns: NamespaceName;
  readonly destination: Cidr;
  readonly via?: Ip;
  readonly dev: string;
  /** rtm_protocol; 119 is ours, 2 the kernel's. */
  readonly protocol?: number;
  /** Of several routes to one destination the lowest is taken; without one the kernel's own choice. */
  readonly metric?: number;
}

/** A row of the ARP or ND table; on a `proxy` VXLAN device what it answers with. */
export interface Neighbour {
  readonly kind: 'neighbour';
  readonly ns: NamespaceName;
  readonly dev: string;
  readonly ip: Ip;
  readonly mac: Mac;
  readonly state: NeighbourState;
}

export type NeighbourState = 'permanent' | 'noarp' | 'reachable' | 'stale' | 'other';

/** A forwarding row. `self`: the VXLAN device's own table (MAC → VTEP); `master`: the bridge's (MAC → port). */
export interface Fdb {
  readonly kind: 'fdb';
  readonly ns: NamespaceName;
  readonly dev: string;
  readonly table: 'self' | 'master';
  readonly mac: Mac;
  /** The remote VTEP; only in a VXLAN device's table. */
  readonly dst?: Ip;
  /** `permanent` on a bridge port means "the bridge's own address"; `static` is a host behind that port. */
  readonly state: FdbState;
}

/** `other`: sent by a port, VNI, device or nexthop of its own, as Weft makes none. */
export type FdbState = 'permanent' | 'static' | 'learned' | 'other';

/** Rows are many, and packed. */
export interface RowTables {
  readonly neighbour: RowTable<Neighbour>;
  readonly fdb: RowTable<Fdb>;
}
type SmallKind = Exclude<KernelKind, keyof RowTables>;

/** Kernel state as keyed tables, one per kind; desired and observed have the same shape. */
export type KernelState = { readonly [K in SmallKind]: ReadonlyMap<string, KernelObjectOf<K>> } & RowTables;
export type MutableKernelTables = { readonly [K in SmallKind]: Map<string, KernelObjectOf<K>> } & RowTables;

export const emptyKernelState = (): MutableKernelTables => ({
  namespace: new Map(),
  link: new Map(),
  set: new Map(),
  element: new Map(),
  chain: new Map(),
  permit: new Map(),
  setting: new Map(),
  address: new Map(),
  route: new Map(),
  neighbour: neighbourTable(),
  fdb: fdbTable(),
});

/** What identifies an object within its kind. A unicast FDB row has one destination, the zero row many. */
export function kernelKey(object: KernelObject): string {
  switch (object.kind) {
    case 'namespace':
      return object.ns;
    case 'link':
      return `${object.ns} ${object.name}`;
    case 'set':
      return `${object.ns} ${object.shape.family} ${object.shape.name}`;
    case 'element':
      return `${object.ns} ${object.set.family} ${object.set.name} ${object.key.join(' ')}`;
    case 'chain':
      return `${object.ns} ${object.family} ${object.name}`;
    case 'permit':
      return `${object.ns} ${object.family} ${object.chain} ${object.name}`;
    case 'setting':
      return `${object.ns} ${object.name}`;
    case 'address':
      return `${object.ns} ${object.dev} ${object.address}`;
    case 'route':
      return object.metric === undefined
        ? `${object.ns} ${object.destination}`
        : `${object.ns} ${object.destination} ${object.metric}`;
    case 'neighbour':
      return `${object.ns} ${object.dev} ${object.ip}`;
    case 'fdb':
      return object.mac === '00:00:00:00:00:00'
        ? `${object.ns} ${object.dev} ${object.table} ${object.mac} ${object.dst}`
        : `${object.ns} ${object.dev} ${object.table} ${object.mac}`;
  }
}

/** Puts an object into the table of its kind, replacing one of the same key. */
export function addKernelObject(state: MutableKernelTables, object: KernelObject): void {
  // A row's key is in its bytes.
  if (object.kind === 'fdb') state.fdb.add(object);
  else if (object.kind === 'neighbour') state.neighbour.add(object);
  else (state[object.kind] as Map<string, KernelObject>).set(kernelKey(object), object);
}

export function kernelStateOf(objects: Iterable<KernelObject>): MutableKernelTables {
  const state = emptyKernelState();
  for (const object of objects) addKernelObject(state, object);
  return state;
}

export function* kernelObjects(state: KernelState): Generator<KernelObject> {
  for (const kind of KERNEL_KINDS) yield* state[kind].values();
}
