import type { Id } from './id.ts';
import type { Endpoint, HostFacts, Revision, Station } from './records.ts';

/**
 * What somebody wants, in the words they used: nothing here has been checked. `intent/` admits a wish
 * (→ records) or rejects it with every fault at once. Absent fields mean "choose for me".
 */
export type Wish =
  | RegisterHost
  | RemoveHost
  | EvictHost
  | CreateNetwork
  | ChangeNetwork
  | AdvanceChange
  | RemoveNetwork
  | AddPeer
  | RemovePeer
  | AttachEndpoint
  | PublishEndpoint
  | DetachEndpoint
  | AcquireBlocks
  | ReturnBlocks
  | FreeBlock
  | RepairAddresses
  | AdoptBridge
  | DisownBridge
  | PublishStations
  | PublishPort
  | UnpublishPort
  | ExposeNetwork
  | HideNetwork;

/** An agent says who and where its host is. The same host again with other facts is an update. */
export interface RegisterHost {
  readonly wish: 'register-host';
  /** The agent makes one up and keeps it; another id with a known name is a stranger, and refused. */
  readonly id?: string;
  readonly name: string;
  readonly underlay: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly facts: {
    readonly [K in keyof HostFacts]: HostFacts[K] extends number ? number : readonly unknown[];
  };
}

/** Refused while the host has endpoints. */
export interface RemoveHost {
  readonly wish: 'remove-host';
  /** Name or id. */
  readonly host: string;
}

/** Takes everything from a host that is lost; unlike a removal, while it has endpoints. */
export interface EvictHost {
  readonly wish: 'evict-host';
  /** Name or id. */
  readonly host: string;
}

/** A host that gives from its own blocks will soon have given the last of these subnets. */
export interface AcquireBlocks {
  readonly wish: 'acquire-blocks';
  readonly network: Id;
  /** Name or id. */
  readonly host: string;
  readonly subnets: readonly string[];
  /** How many blocks it knows to be its own in the network: with others, nothing is given. */
  readonly owned: number;
}

/** A host that is out of a network gives its blocks there back. */
export interface ReturnBlocks {
  readonly wish: 'return-blocks';
  readonly network: Id;
  /** Name or id. */
  readonly host: string;
}

/** The controller's own: a retired block has rested. */
export interface FreeBlock {
  readonly wish: 'free-block';
  readonly block: Id;
}

/** Puts right what an audit of the addresses finds and nobody needs to decide. */
export interface RepairAddresses {
  readonly wish: 'repair-addresses';
}

export interface CreateNetwork {
  readonly wish: 'create-network';
  readonly name: string;
  readonly subnets: readonly string[];
  readonly gateways: readonly string[];
  readonly mode?: string;
  readonly vni?: number;
  readonly port?: number;
  readonly group?: string;
  readonly underlay?: string;
  readonly mtu?: number;
  readonly ttl?: number;
  /** For adopted bridges: without subnets and MTU of its own. */
  readonly adopts?: true;
  readonly internal?: boolean;
  /** Whose way out: `runtime` or `anycast`. */
  readonly gateway?: string;
  /** `on` or `off`. */
  readonly portSecurity?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Permits a subnet that a host already routes. */
  readonly allowOverlap: boolean;
}

/** Another tunnel for a running network: what is left out stays. Refused while another change is under way. */
export interface ChangeNetwork {
  readonly wish: 'change-network';
  /** Name or id. */
  readonly network: string;
  readonly mode?: string;
  readonly port?: number;
  readonly group?: string;
  readonly mtu?: number;
  readonly ttl?: number;
  readonly portSecurity?: string;
  /** Goes on without hosts that are away. */
  readonly force: boolean;
}

/** The controller's own: a phase of a change is over, or one that a host cannot take is taken back. */
export interface AdvanceChange {
  readonly wish: 'advance-change';
  readonly network: Id;
  /** Which phase: the revision at which it began. */
  readonly since: Revision;
  readonly undo: boolean;
}

/** Refused while endpoints exist. */
export interface RemoveNetwork {
  readonly wish: 'remove-network';
  /** Name or id. */
  readonly network: string;
}

/** A machine that Weft does not run takes part. The same again with other endpoints or another VTEP is a change. */
export interface AddPeer {
  readonly wish: 'add-peer';
  /** Name or id. */
  readonly network: string;
  readonly name: string;
  readonly vtep: string;
  readonly endpoints: readonly { readonly mac: string; readonly addresses: readonly string[] }[];
}

export interface RemovePeer {
  readonly wish: 'remove-peer';
  /** Name or id. */
  readonly network: string;
  /** Name or id. */
  readonly peer: string;
}

export interface AttachEndpoint {
  readonly wish: 'attach-endpoint';
  /** Name or id. */
  readonly network: string;
  /** Name or id of the host that the container runs on. */
  readonly host: string;
  readonly runtime: string;
  readonly containerId: string;
  readonly interface?: string;
  readonly name?: string;
  readonly aliases: readonly string[];
  readonly mac?: string;
  readonly addresses: readonly string[];
  /** Subnets in which the host's own blocks have nothing to give now: what is free there rests. */
  readonly newBlockIn?: readonly string[];
  /** Addresses that the host has set aside: none of them is chosen. */
  readonly held?: readonly string[];
}

/** A host tells of an endpoint that it admitted from its own blocks. Publishing the same again is success. */
export interface PublishEndpoint {
  readonly wish: 'publish-endpoint';
  readonly endpoint: Endpoint;
}

/** Only the named generation goes; a newer one stays. Detaching the absent is success. */
export interface DetachEndpoint {
  readonly wish: 'detach-endpoint';
  readonly endpoint: Id;
  readonly generation: number;
}

/** Joins a bridge that something else owns to a network; one that is not there yet is made, by the other words. */
export interface AdoptBridge extends Pick<CreateNetwork, 'mode' | 'vni' | 'port' | 'underlay' | 'ttl'> {
  readonly wish: 'adopt-bridge';
  /** Name or id of the host that has the bridge. */
  readonly host: string;
  readonly bridge: string;
  /** Name or id. */
  readonly network: string;
}

/** Lets go of an adopted bridge. The absent is a rejection. */
export interface DisownBridge {
  readonly wish: 'disown-bridge';
  /** Name or id. */
  readonly host: string;
  readonly bridge: string;
}

/** A host tells who is behind its adopted bridge, all of them. Of one that is disowned it is old news. */
export interface PublishStations {
  readonly wish: 'publish-stations';
  readonly adoption: Id;
  readonly stations: readonly Station[];
}

/** A port of an endpoint is reached by a port of its host. The same again changes nothing. */
export interface PublishPort {
  readonly wish: 'publish-port';
  /** Name or id. */
  readonly endpoint: string;
  /** Name or id; narrows a name that several networks know. */
  readonly network?: string;
  /** `[HOSTIP:]PORT:PORT[/tcp|/udp]` */
  readonly mapping: string;
}

/** Without a mapping all of the endpoint's. The absent is a rejection. */
export interface UnpublishPort extends Omit<PublishPort, 'wish'> {
  readonly wish: 'unpublish-port';
}

/** The host takes part in the network itself. Idempotent. */
export interface ExposeNetwork {
  readonly wish: 'expose-network';
  /** Name or id. */
  readonly network: string;
  /** Name or id. */
  readonly host: string;
  readonly addresses: readonly string[];
  /** Although the host routes its subnet elsewhere. */
  readonly allowOverlap: boolean;
}

/** The absent is a rejection. */
export interface HideNetwork {
  readonly wish: 'hide-network';
  readonly network: string;
  readonly host: string;
}
