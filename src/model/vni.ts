import { type Parsed, parsed, unparsed } from './parsed.ts';

/** VXLAN Network Identifier, 1 to 2^24-1 (RFC 7348, 5). */
export type Vni = number & { readonly brand: 'Vni' };

export const MAX_VNI = 0xffffff;
/** Where automatic allocation begins; Swarm begins at 4096, and the same VNI and port twice on a host is EEXIST. */
export const FIRST_AUTOMATIC_VNI = 1_048_576 as Vni;

export const parseVni = (value: number): Parsed<Vni> =>
  Number.isInteger(value) && value >= 1 && value <= MAX_VNI
    ? parsed(value as Vni)
    : unparsed('is not a VNI', `use a whole number from 1 to ${MAX_VNI}, or leave it out`);
