import type { Cidr } from '#model/cidr.ts';

/** Where the subnets of a network come from when none is asked for. */
export interface Pools {
  /** By default 10.128.0.0/9. */
  readonly ipv4: Cidr;
  /** Of each subnet cut from it; by default 20. IPv6 subnets are /64, as everywhere. */
  readonly ipv4PrefixLength: number;
  /** A unique local /48 of the cluster's own (RFC 4193). */
  readonly ipv6: Cidr;
}
