/**
 * What a container's frame can claim that is not so: another's MAC or address as its sender, another's address or MAC
 * in ARP or neighbour discovery; to be a router or a DHCP server; or what cannot be read behind a VLAN tag.
 */
export type Forgery = 'mac' | 'ip' | 'arp' | 'nd' | 'router' | 'dhcp' | 'tag';
export const FORGERIES: readonly Forgery[] = ['mac', 'ip', 'arp', 'nd', 'router', 'dhcp', 'tag'];

/** What a dropped frame is marked with, and counted by. */
export const forgeryNumber = (kind: Forgery): number => FORGERIES.indexOf(kind) + 1;
export const forgeryOf = (number: number): Forgery | undefined => FORGERIES[number - 1];

/** The set that counts them, by port and number. */
export const FORGED = 'forged';
