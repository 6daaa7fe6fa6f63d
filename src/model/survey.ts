import type { Family, Ip } from './ip.ts';
import type { Mac } from './mac.ts';

/** What to look for: who is on these bridges and what they pass, and what passes through the host. */
export interface SurveyAsk {
  readonly bridges: readonly string[];
  readonly forwarding: boolean;
}

/** What is known around adopted bridges, and of what is forwarded, that the kernel does not tell. Asked for now and then. */
export interface Survey {
  /** What bridged frames pass, because br_netfilter hands them over. */
  readonly filters: readonly FilterRules[];
  /** Rules that nf_tables does not know of: `iptables-legacy -S`. */
  readonly legacy: readonly FilterRules[];
  /** By bridge: the addresses that its owner's engine gave to MACs behind it. */
  readonly addresses: ReadonlyMap<string, ReadonlyMap<Mac, readonly Ip[]>>;
}

/** The rules of a family, as `iptables -S` and `ip6tables -S` print them. */
export interface FilterRules {
  readonly family: Family;
  readonly rules: readonly string[];
}
