import type { RefusedFrames } from '#api/gen/weft/v1/records_pb.ts';

/** What a port of a container, or a host, dropped: `3 frames with a forged MAC`. */
export const describeRefused = ({ endpoint, device, kind, count }: RefusedFrames): string =>
  endpoint
    ? `${count} frames with a forged ${FORGED_WHAT[kind] ?? kind}`
    : `${count} VXLAN packets ${kind === 'container' ? 'of containers behind' : 'of no member, by'} ${device}`;

const FORGED_WHAT: Readonly<Record<string, string>> = {
  mac: 'MAC',
  ip: 'IP address',
  arp: 'ARP',
  nd: 'neighbour discovery',
  router: 'router’s word',
  dhcp: 'DHCP answer',
  tag: 'VLAN tag',
};
