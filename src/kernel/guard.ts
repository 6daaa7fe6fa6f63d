import { constants } from 'node:os';
import { addressBytes, type GuardMatch, guardChains, guardMatches } from '#model/guard-match.ts';
import type { Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { addKernelObject, type Guard, type MutableKernelTables } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { FILTER_TABLE } from '#model/own.ts';
import type { Request } from '#netlink/message.ts';
import { bytesAre, cameFrom, drop, type Expression, goesTo } from '#netlink/netfilter/expression.ts';
import {
  decodeChain,
  decodeRule,
  encodeAddChain,
  encodeAddRule,
  encodeAddTable,
  encodeDeleteChain,
  encodeDeleteTable,
  encodeDumpChains,
  encodeDumpRules,
  encodeFlushChain,
} from '#netlink/netfilter/tables.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import type { Outbox } from './outbox.ts';
import type { Visit } from './visit.ts';

const TABLE = { family: 'bridge', name: FILTER_TABLE } as const;
/** Before br_netfilter and ebtables have a look (enum nf_br_hook_priorities, linux/netfilter_bridge.h). */
const PRIORITY = -300;

const { EINVAL, EOPNOTSUPP, EPROTONOSUPPORT } = constants.errno;
/** What a kernel without nf_tables answers: then there are no rules either. */
const WITHOUT_TABLES: ReadonlySet<number> = new Set([EINVAL, EOPNOTSUPP, EPROTONOSUPPORT]);

/** Bytes of the type behind both Ethernet addresses: `ether type`. */
const ETHER_TYPE_AT = 12;
const ETHER_TYPES = { arp: [0x08, 0x06], ip: [0x08, 0x00], ip6: [0x86, 0xdd] } as const;
/** In the IPv6 header the next header, and behind it, without extensions, the ICMPv6 type. */
const [NEXT_HEADER_AT, ICMP_TYPE_AT, IPPROTO_ICMPV6] = [6, 40, 58];

/** Reads the guards of a namespace back from its rules: each rule says in its comment what it is. */
export function readGuards(state: MutableKernelTables, visit: Visit): void {
  for (const [dev, chains] of guardedDevices(visit)) {
    const said = [...new Set(chains.flatMap(({ comments }) => comments.map(addressIn)))] as (Ip | Mac)[];
    const whole = guardChains(dev).every(({ chain }) => {
      const seen = chains.find((each) => each.chain === chain);
      return seen?.isBase && seen.comments.join() === said.flatMap(guardMatches).map(commentOf).join();
    });
    addKernelObject(state, {
      kind: 'guard',
      ns: visit.ns,
      dev,
      addresses: whole ? said : [],
      ...(!whole && { broken: true }),
    });
  }
}

interface SeenChain {
  readonly chain: string;
  readonly isBase: boolean;
  readonly comments: string[];
}

/** By device; a device with one chain only among them. */
function guardedDevices(visit: Visit): Map<string, SeenChain[]> {
  const devices = new Map<string, SeenChain[]>();
  const chains = readChains(visit);
  for (const { chain, isBase } of chains) {
    const dev = /^((?:wf|vxlan).+)-(?:in|out)$/.exec(chain)?.[1];
    if (dev !== undefined) devices.set(dev, [...(devices.get(dev) ?? []), { chain, isBase, comments: [] }]);
  }
  if (devices.size === 0) return devices;
  const known = [...devices.values()].flat();
  for (const { table, chain, comment = '' } of visit.filter.dump(encodeDumpRules(TABLE), decodeRule))
    if (table === FILTER_TABLE) known.find((each) => each.chain === chain)?.comments.push(comment);
  return devices;
}

function readChains(visit: Visit): { readonly chain: string; readonly isBase: boolean }[] {
  try {
    return visit.filter
      .dump(encodeDumpChains(TABLE.family), decodeChain)
      .filter(({ table }) => table === FILTER_TABLE);
  } catch (error) {
    if (error instanceof NetlinkError && WITHOUT_TABLES.has(error.errno)) return [];
    throw error;
  }
}

/** `172.18.0.1: arp saddr ip 172.18.0.1` */
const commentOf = ({ address, text }: GuardMatch): string => `${address}: ${text}`.slice(0, LONGEST_COMMENT);
const addressIn = (comment: string): string => comment.split(': ')[0]!;
/** NFTNL_UDATA_COMMENT_MAXLEN of libnftnl, with the NUL. */
const LONGEST_COMMENT = 127;

/** Writes all rules anew, or takes them away; each in one transaction. */
export function writeGuard(out: Outbox, verb: KernelOp['verb'], { ns, dev, addresses }: Guard): void {
  out.flush();
  const visit = out.visit(ns);
  visit.filter.transact(verb === 'delete' ? removal(visit, dev) : rules(dev, addresses));
}

const rules = (dev: string, addresses: Guard['addresses']): Request[] => [
  encodeAddTable(TABLE),
  ...guardChains(dev).flatMap(({ chain, hook, side }) => [
    encodeAddChain(TABLE, chain, { type: 'filter', hook, priority: PRIORITY }),
    encodeFlushChain(TABLE, chain),
    ...addresses.flatMap(guardMatches).map((match) =>
      encodeAddRule(TABLE, {
        chain,
        expressions: expressionsOf(side === 'iifname' ? cameFrom(dev) : goesTo(dev), match),
        comment: commentOf(match),
      }),
    ),
  ]),
];

function expressionsOf(way: readonly Expression[], { address, ether, at, icmp }: GuardMatch): Expression[] {
  return [
    ...way,
    ...(ether === undefined ? [] : bytesAre('link', ETHER_TYPE_AT, Uint8Array.from(ETHER_TYPES[ether]))),
    ...(icmp === undefined
      ? []
      : [
          ...bytesAre('network', NEXT_HEADER_AT, Uint8Array.of(IPPROTO_ICMPV6)),
          ...bytesAre('network', ICMP_TYPE_AT, Uint8Array.of(icmp)),
        ]),
    ...bytesAre(ether === undefined ? 'link' : 'network', at, addressBytes(address)),
    drop,
  ];
}

/** With the last chain goes the table: nothing of ours is left. */
function removal(visit: Visit, dev: string): Request[] {
  const there = readChains(visit).map(({ chain }) => chain);
  const own = guardChains(dev)
    .map(({ chain }) => chain)
    .filter((chain) => there.includes(chain));
  if (own.length === there.length) return there.length > 0 ? [encodeDeleteTable(TABLE)] : [];
  return own.flatMap((chain) => [encodeFlushChain(TABLE, chain), encodeDeleteChain(TABLE, chain)]);
}
