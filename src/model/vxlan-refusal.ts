/** Whose VXLAN is dropped: one's who is no member of the network, or a container's own. */
export type VxlanRefusal = 'stranger' | 'container';
export const VXLAN_REFUSALS: readonly VxlanRefusal[] = ['stranger', 'container'];

/** What a dropped packet is marked with, and counted by. */
export const vxlanRefusalNumber = (why: VxlanRefusal): number => VXLAN_REFUSALS.indexOf(why) + 1;
export const vxlanRefusalOf = (number: number): VxlanRefusal | undefined => VXLAN_REFUSALS[number - 1];

/** The set that counts them, by interface and number. */
export const REFUSED_VXLAN = 'refused-vxlan';
