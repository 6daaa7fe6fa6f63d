import { ioctlWith, orThrow } from './libc.ts';

/** linux/sockios.h */
const SIOCGIFINDEX = 0x8933;
/** linux/if.h: struct ifreq, of which the name (IFNAMSIZ) comes first, then the index. */
const IFREQ_BYTES = 40;
const IFNAMSIZ = 16;

/**
 * The index of a device in the namespace of that socket, whatever kind of socket it is: `cat /sys/class/net/eth0/ifindex`.
 * Unlike RTM_GETLINK it does not wait for whoever changes devices meanwhile. Throws NetlinkError ENODEV.
 */
export function interfaceIndex(socket: number, name: string): number {
  const request = Buffer.alloc(IFREQ_BYTES);
  request.write(name, 0, IFNAMSIZ - 1);
  orThrow('SIOCGIFINDEX', ioctlWith(socket, SIOCGIFINDEX, request));
  return request.readInt32LE(IFNAMSIZ);
}
