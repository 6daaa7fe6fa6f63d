import { type Cidr, cidrFamily } from './cidr.ts';
import type { Id } from './id.ts';
import type { Family, Ip } from './ip.ts';
import type { Mac } from './mac.ts';
import type { TunnelMode } from './tunnel-mode.ts';
import type { Vni } from './vni.ts';

/**
 * The records that the store keeps: what the cluster *wishes*. Plain frozen data, told apart by `kind`.
 * (The design's Record; named so because TypeScript has a `Record` of its own.)
 */
export type StoredRecord = Host | Network | Block | Endpoint | Adoption | Peer | Exposure | Publication;
export type RecordKind = StoredRecord['kind'];
export type RecordOf<K extends RecordKind> = Extract<StoredRecord, { kind: K }>;

export const RECORD_KINDS: readonly RecordKind[] = [
  'host',
  'network',
  'block',
  'endpoint',
  'adoption',
  'peer',
  'exposure',
  'publication',
];
/** Raised when the shape of a stored record changes in a way that an older program cannot read. */
export const RECORD_SCHEMA = 1;

export interface Host {
  readonly kind: 'host';
  readonly id: Id;
  /** A DNS label, unique. */
  readonly name: string;
  /** Raised by eviction: what the host did under a lower epoch no longer counts. */
  readonly epoch: number;
  /** Where its tunnels end: the first address of a family is its VTEP in that family. None while others are known by them. */
  readonly underlay: readonly Ip[];
  readonly labels: Readonly<Record<string, string>>;
  /** What the host's agent reports and admission respects. */
  readonly facts: HostFacts;
}

export interface HostFacts {
  /** Of the interface that holds the underlay address, in bytes. */
  readonly underlayMtu: number;
  /** UDP ports that other programs hold. */
  readonly takenPorts: readonly number[];
  /** Destinations that the host already routes. */
  readonly routes: readonly Cidr[];
  /** Of each underlay address, in their order: the interface that leads to the other hosts. */
  readonly underlayInterfaces: readonly string[];
}

export interface Network extends Tunnel {
  readonly kind: 'network';
  readonly id: Id;
  /** Unique without case. */
  readonly name: string;
  readonly vni: Vni;
  /** Family of the outer header: one VXLAN device cannot mix them. */
  readonly underlay: UnderlayFamily;
  /** At most one a family. */
  readonly subnets: readonly Subnet[];
  /** Its bridges are others', joined by {@link Adoption}: addresses and MTU are theirs, it has neither (`mtu` is 0). */
  readonly adopts: boolean;
  /** Closed: no container in it gets a way out. */
  readonly internal: boolean;
  /** Whose way out its containers take, unless it is internal. */
  readonly gateway: GatewayUse;
  /** Whether frames of its containers that bear others' names are dropped. */
  readonly portSecurity: PortSecurity;
  /** What a runtime wants to find again on every host: Compose knows its networks by them. */
  readonly labels: Readonly<Record<string, string>>;
  /** While its tunnel is being changed. */
  readonly change?: TunnelChange;
}

/** How a network's frames travel: what can be changed while they do. */
export interface Tunnel {
  /** UDP destination port; 4789 is IANA's, the kernel's own default is 8472. */
  readonly port: number;
  readonly mode: TunnelMode;
  /** Where frames for nobody known go, of the underlay's family; only in mode multicast. */
  readonly group?: Ip;
  /** Of the inner interface, in bytes: the underlay's less the encapsulation. */
  readonly mtu: number;
  /** TTL of the outer header. */
  readonly ttl: number;
  /** Number in the VXLAN device's name, 0 or 1 (absent is 0): of two beside each other, each has its own. */
  readonly device?: number;
  /** On the wire instead of the network's own, while that is free for the device that is to have it. */
  readonly transitVni?: Vni;
}

/**
 * A change of a running network. Every host takes each phase, and the next begins when all have: so any two hosts,
 * wherever each of them is in its phase, reach each other.
 */
export interface TunnelChange {
  /** `prepare`: the network is as it was, `other` is what comes. `switch`: it is as it will be, `other` is what was. */
  readonly phase: 'prepare' | 'switch';
  readonly other: Tunnel;
  /** Where it goes on to, when this is only half the way. */
  readonly next?: Tunnel;
  /** The revision at which the phase began: it ends when every host of the network has applied that. */
  readonly since: Revision;
}

export interface Subnet {
  readonly cidr: Cidr;
  /** Reserved for the network's gateway, never given to an endpoint. */
  readonly gateway: Ip;
}

/**
 * `runtime`: a container whose runtime brings a way out of its own (Docker's docker_gwbridge) takes that, any other
 * the network's gateway. `anycast`: all take the network's gateway, which every host has.
 */
export type GatewayUse = 'runtime' | 'anycast';
export const GATEWAY_USES: readonly GatewayUse[] = ['runtime', 'anycast'];
export const DEFAULT_GATEWAY_USE: GatewayUse = 'runtime';

/** `off`: a network whose containers have addresses that Weft does not know of. */
export type PortSecurity = 'on' | 'off';
export const PORT_SECURITIES: readonly PortSecurity[] = ['on', 'off'];
export const DEFAULT_PORT_SECURITY: PortSecurity = 'on';

/** It needs an MTU of 1280 then (MIN_IPV6_MTU). */
export const hasIpv6Subnet = ({ subnets }: Pick<Network, 'subnets'>): boolean =>
  subnets.some(({ cidr }) => cidrFamily(cidr) === 6);

export type UnderlayFamily = 'ipv4' | 'ipv6';
export const UNDERLAY_FAMILIES: readonly UnderlayFamily[] = ['ipv4', 'ipv6'];
export const familyOfUnderlay = (underlay: UnderlayFamily): Family => (underlay === 'ipv4' ? 4 : 6);

/** A range of a subnet that one host owns and hands out from. Never expires by time. */
export interface Block {
  readonly kind: 'block';
  readonly id: Id;
  readonly network: Id;
  readonly host: Id;
  readonly cidr: Cidr;
  /** The host's epoch when it received the block. */
  readonly epoch: number;
  /** Addresses in it that the host gives to nobody: the controller granted them singly to others. */
  readonly except: readonly Ip[];
  /** 0, or the revision at which its host lost it or gave it back: it is free once all peers have applied that. */
  readonly retired: Revision;
}

/** One interface of one container in one network. */
export interface Endpoint {
  readonly kind: 'endpoint';
  readonly id: Id;
  readonly network: Id;
  readonly host: Id;
  /** Who made the container. */
  readonly runtime: EndpointRuntime;
  /** The runtime's word for the container; of a plain namespace what the user called it. */
  readonly containerId: string;
  /** What the container was made from, where its runtime tells. */
  readonly image?: string;
  /** Interface name inside the container. */
  readonly interface: string;
  readonly name: string;
  readonly aliases: readonly string[];
  readonly mac: Mac;
  readonly addresses: readonly Ip[];
  /** Rises with every move or re-creation: an older delete never beats a newer add. */
  readonly generation: number;
}

/** Longer than a registry, a repository, a tag and a digest are together in Docker. */
export const MAX_IMAGE = 512;

/** `host`: the host itself, by an {@link Exposure}. */
export type EndpointRuntime = 'netns' | 'docker' | 'host';
export const ENDPOINT_RUNTIMES: readonly EndpointRuntime[] = ['netns', 'docker', 'host'];

/** A bridge of a host that something else owns (Docker, libvirt), joined to a network. One a host and network. */
export interface Adoption {
  readonly kind: 'adoption';
  readonly id: Id;
  readonly network: Id;
  readonly host: Id;
  /** Its name in the host's own namespace. */
  readonly bridge: string;
  /** Who is behind it, as its host sees it. */
  readonly stations: readonly Station[];
}

/** More than a bridge has ports for (1023): a network behind one of them can hold more. */
export const MAX_STATIONS = 4096;

/** Somebody behind an adopted bridge: its owner put it there, Weft found it. */
export interface Station {
  readonly mac: Mac;
  /** As far as they are known. */
  readonly addresses: readonly Ip[];
  /**
   * Above all that other hosts said of this MAC when it was found: of two hosts, the higher has it. 0 of one whom
   * Docker lists, and nobody has seen.
   */
  readonly generation: number;
}

/** A tunnel's end that Weft does not run: a machine whose VXLAN device was made by hand. */
export interface Peer {
  readonly kind: 'peer';
  readonly id: Id;
  readonly network: Id;
  /** Unique in the network, without case. */
  readonly name: string;
  readonly vtep: Ip;
  /** Who is behind it, as far as it was told. */
  readonly endpoints: readonly PeerEndpoint[];
}

export interface PeerEndpoint {
  readonly mac: Mac;
  readonly addresses: readonly Ip[];
}

/** A host takes part in a network itself: its agent gives it an endpoint of runtime `host`. One a host and network. */
export interface Exposure {
  readonly kind: 'exposure';
  readonly id: Id;
  readonly network: Id;
  readonly host: Id;
  /** Asked for by value, at most one a family. */
  readonly addresses: readonly Ip[];
}

export type Transport = 'tcp' | 'udp';
export const TRANSPORTS: readonly Transport[] = ['tcp', 'udp'];

/** A port of an endpoint that is reached by a port of its host. Goes with the endpoint. */
export interface Publication {
  readonly kind: 'publication';
  readonly id: Id;
  readonly network: Id;
  readonly endpoint: Id;
  /** Where the endpoint is. */
  readonly host: Id;
  readonly protocol: Transport;
  /** Of the host, to which it is limited. */
  readonly hostAddress?: Ip;
  readonly hostPort: number;
  /** The endpoint's own. */
  readonly port: number;
  /** Between the two the network's namespace knows it by this port: nobody else in the network has it. */
  readonly relayPort: number;
}

/** Where a record lives in the store; ids are unique across kinds. */
export interface RecordRef {
  readonly kind: RecordKind;
  readonly id: Id;
}

/** One step of an admitted wish. */
export type Change =
  | { readonly verb: 'put'; readonly record: StoredRecord }
  | { readonly verb: 'delete'; readonly ref: RecordRef };

/** Place in the one ordered log; 0 is the empty store. Every commit raises it by one. */
export type Revision = number;

export const put = (record: StoredRecord): Change => ({ verb: 'put', record });
export const remove = ({ kind, id }: RecordRef): Change => ({ verb: 'delete', ref: { kind, id } });
