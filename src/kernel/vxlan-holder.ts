import { constants } from 'node:os';
import type { VxlanDetail } from '#model/kernel-state.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { decodeLink, encodeDumpLinks } from '#netlink/route/link.ts';
import type { Visit } from './visit.ts';

/**
 * The kernel says that a VNI on that UDP port is another device's (EEXIST), not whose. One that was made on the host and moved to
 * another namespace, as Docker Swarm does it, is not seen from here.
 */
export function sayWhoHas({ vni, port }: VxlanDetail, host: Visit, error: NetlinkError): NetlinkError {
  // The name can be taken, too.
  if (error.errno !== constants.errno.EEXIST || !error.text?.includes('VNI')) return error;
  const { errno, request } = error;
  const holder = host.conversation
    .dump(encodeDumpLinks(), decodeLink)
    .find(({ vxlan }) => vxlan?.id === vni && vxlan.port === port);
  const who = holder ? `VXLAN device ${holder.name}` : 'a VXLAN device in another namespace';
  return new NetlinkError({ errno, request, text: `VNI ${vni} on UDP port ${port} belongs to ${who}` });
}
