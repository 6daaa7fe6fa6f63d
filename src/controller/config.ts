import type { Cidr } from '#model/cidr.ts';

/** What `weft controller` runs with, after flags, environment, file and defaults are merged and checked. */
export interface ControllerConfig {
  readonly root: string;
  /** Addresses to serve on (see transport/address.ts). */
  readonly listen: readonly string[];
  /** Paths of PEM files; needed for https:// addresses. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
  /** Where networks without `--subnet` get theirs. */
  readonly pools: {
    readonly ipv4: Cidr;
    /** Prefix length of a subnet cut from the pool. */
    readonly ipv4PrefixLength: number;
    /** A /48; absent: a random unique local one (RFC 4193), chosen once and kept in the store. */
    readonly ipv6?: Cidr;
  };
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}
