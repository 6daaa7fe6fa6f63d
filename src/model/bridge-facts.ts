import type { Ip } from './ip.ts';
import type { Mac } from './mac.ts';

/** What is seen of an adopted bridge, which is its owner's to change. */
export interface BridgeFacts {
  readonly mac: Mac;
  readonly mtu: number;
  /** The largest MTU of its ports but ours; 0 when it has none. */
  readonly portMtu: number;
  /** The host's own in it, such as the gateway of the containers. */
  readonly addresses: readonly Ip[];
  /** Who is behind its ports but ours, with the addresses that the host has heard of. */
  readonly stations: readonly { readonly mac: Mac; readonly addresses: readonly Ip[] }[];
}
