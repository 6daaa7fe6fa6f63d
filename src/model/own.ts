import type { Id } from './id.ts';
import type { NamespaceName } from './kernel-state.ts';
import type { Vni } from './vni.ts';

/** Marks of ownership: how a fresh process knows which kernel objects Weft made. Atomic at creation. */

/** IFLA_GROUP of our links in namespaces that are not ours: "weft" in ASCII. */
export const LINK_GROUP = 0x77656674;
/** Links of our own namespaces that are about to be deleted together. */
export const DOOMED_LINK_GROUP = 0x77656678;
/** rtm_protocol and NDA_PROTOCOL of our routes and neighbours (not taken in linux/rtnetlink.h). */
export const PROTOCOL = 119;

/** Mark of frames that an overlay's bridge is to bring to this host's containers, and to no tunnel. */
export const WITHIN_MARK = LINK_GROUP;

/** Names inside an overlay namespace. */
export const BRIDGE_NAME = 'br0';
export const VXLAN_NAME = 'vxlan0';
/** While the UDP port of a network changes there are two; of which the next change makes the first anew. */
export const tunnelName = (device = 0): string => `vxlan${device}`;
export const isTunnelName = (name: string): boolean => name === tunnelName(0) || name === tunnelName(1);

/** Short and lower-case, from the random half of the id. */
export const hostTag = (host: Id): string => host.slice(-8).toLowerCase();

/** The namespace of one network on one host: `weft-<hostTag>-<vni hex>`. */
export const overlayNamespace = (tag: string, vni: Vni): NamespaceName => `weft-${tag}-${vni.toString(16)}`;

/** Whose overlay namespace of that name is. */
export const hostTagOf = (overlay: NamespaceName): string => overlay.split('-')[1]!;

/** Whether this host made the namespace. */
export const isOverlayNamespaceOf = (tag: string, name: NamespaceName): boolean =>
  name.startsWith(`weft-${tag}-`);

/** Whether any host's Weft made it: no container lives there. */
export const isOverlayNamespace = (name: string): boolean => /^weft-[0-9a-z]{8}-[0-9a-f]{1,6}$/.test(name);

/** The bridge port of an endpoint; 13 characters, the kernel takes 15. */
export const portName = (endpoint: Id): string => `p${endpoint.slice(-12).toLowerCase()}`;

/** The container's end of an endpoint's pair, in the host's own namespace until its runtime moves it; 15 characters. */
export const hostEndName = (endpoint: Id): string => `wfe${endpoint.slice(-12).toLowerCase()}`;

/** The VXLAN device of an adopted bridge, in the host's own namespace; at most 11 characters. */
export const adoptedTunnelName = (vni: Vni, device = 0): string =>
  `wfx${vni.toString(16)}${device === 0 ? '' : `-${device}`}`;

/** The two ends of a network's way out: in its own namespace, and in the host's (at most 9 characters). */
export const UPLINK_NAME = 'up0';

/** Where a network's gateway asks for its neighbours itself. */
export const GATEWAY_DEVICES: ReadonlySet<string> = new Set([BRIDGE_NAME, UPLINK_NAME]);
export const gatewayName = (vni: Vni): string => `wfg${vni.toString(16)}`;
/** That of an overlay namespace. */
export const gatewayNameOf = (overlay: NamespaceName): string =>
  `wfg${overlay.slice(overlay.lastIndexOf('-') + 1)}`;

/** The host's own interface in a network that is exposed on it; at most 9 characters. */
export const exposedName = (vni: Vni): string => `wfh${vni.toString(16)}`;

/** Whether a link of the host's own namespace is ours: its name and its group together. */
export const isOwnHostLink = ({ name, group }: { readonly name: string; readonly group?: number }): boolean =>
  name.startsWith('wf') && group === LINK_GROUP;

/** The nftables table in each namespace that needs one. */
export const FILTER_TABLE = 'weft';
