/** What `weft agent` runs with, after flags, environment, file and defaults are merged and checked. */
export interface AgentConfig {
  readonly root: string;
  /** The host's name, a DNS label. */
  readonly name: string;
  /** Address of the controller (see transport/address.ts). */
  readonly controller: string;
  /** An address of this host or an interface's name; absent: the source address of the route to the controller. */
  readonly underlay?: string;
  /** Where Docker's engine listens, if there is one. */
  readonly dockerSocket: string;
  /** Where Docker finds its drivers; absent: nowhere. */
  readonly dockerPlugin?: string;
  /** What Docker calls them. */
  readonly dockerDriver: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Paths of PEM files; needed for an https:// controller. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}
