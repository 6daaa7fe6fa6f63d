import type { BridgePort } from '#model/kernel-state.ts';

/**
 * The bridge knows what is behind a port and learns nothing: a container cannot draw another's frames by lying about
 * its MAC, nor see unicast that is not its own; where a remote MAC lives is the VXLAN device's own knowledge, in one table.
 */
export const KNOWN_PORT: BridgePort = {
  learning: false,
  unicastFlood: false,
  multicastFlood: true,
  broadcastFlood: true,
  hairpin: false,
  neighSuppress: false,
  isolated: false,
  locked: false,
  forwarding: true,
};
