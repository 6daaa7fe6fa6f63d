import type { NamespaceName, RowTables, VxlanDetail } from '#model/kernel-state.ts';
import type { Tunnel } from '#model/records.ts';
import type { HostView, NetworkView } from './host-view.ts';

export type TunnelFlags = Pick<VxlanDetail, 'learning' | 'proxy' | 'l2miss' | 'l3miss'>;

/** What a tunnel mode decides: the flags of the VXLAN device and the rows written into it beforehand. */
export interface TunnelRules {
  readonly flags: TunnelFlags;
  readonly rows: readonly RowMaker[];
  /** Rows that are written only when somebody asks for them: nobody misses one, and one that is right may stay. */
  readonly asked?: readonly RowMaker[];
}

/** Puts its rows into the tables, without an object or a text for each: there can be a hundred thousand. */
export type RowMaker = (tunnel: TunnelView, tables: RowTables) => void;

/** One network as seen from one VXLAN device of one host. */
export interface TunnelView extends PlaceView {
  /** What the device is to be: mostly the network itself. */
  readonly tunnel: Tunnel;
  readonly dev: string;
}

/** One network on one host. */
export interface PlaceView extends Pick<NetworkView, 'network' | 'hosts' | 'vteps'> {
  readonly host: HostView['host'];
  /** Where the tunnel is on this host: the network's own namespace, or the host's with an adopted bridge. */
  readonly ns: NamespaceName;
  readonly nameOf: (device?: number) => string;
  /** Whether its devices have IPv6 there. */
  readonly ipv6: boolean;
  /** Whom the tunnel leads to. */
  readonly remote: NetworkView['remote'];
}
