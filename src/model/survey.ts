import type { Family, Ip } from './ip.ts';
import type { Mac } from './mac.ts';

/** What is known around adopted bridges that the kernel's links and rows do not tell. Asked for now and then. */
export interface Survey {
  readonly filters: readonly BridgedFilter[];
  /** By bridge: the addresses that its owner's engine gave to MACs behind it. */
  readonly addresses: ReadonlyMap<string, ReadonlyMap<Mac, readonly Ip[]>>;
}

/** The rules that bridged frames of a family pass, because br_netfilter hands them over. */
export interface BridgedFilter {
  readonly family: Family;
  /** As `iptables -S` and `ip6tables -S` print them. */
  readonly rules: readonly string[];
}
