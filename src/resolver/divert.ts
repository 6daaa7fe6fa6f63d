import { constants } from 'node:os';
import { NAMESERVER } from '#model/nameserver.ts';
import { openConversation } from '#netlink/conversation.ts';
import type { Request } from '#netlink/message.ts';
import { forgetFlows } from '#netlink/netfilter/conntrack.ts';
import { accept, bytesAre, dnatTo, type Expression, speaks } from '#netlink/netfilter/expression.ts';
import {
  decodeRule,
  encodeAddChain,
  encodeAddRule,
  encodeAddTable,
  encodeDeleteTable,
  encodeDumpRules,
  encodeFlushChain,
  type Table,
} from '#netlink/netfilter/tables.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { ASKS_FROM, addressBytes } from './asks-from.ts';

const TABLE: Table = { family: 'ip', name: 'weft' };
const CHAIN = 'names';
/** Before Docker's own, at -100 (NF_IP_PRI_NAT_DST, linux/netfilter_ipv4.h): in a nat chain the first that is sure wins. */
const PRIORITY = -110;

const [IPPROTO_TCP, IPPROTO_UDP] = [6, 17];
/** Bytes of the IPv4 header before source and destination, and of TCP's and UDP's before the destination's port. */
const [SOURCE_AT, DESTINATION_AT, PORT_AT] = [12, 16, 2];
const DOMAIN_PORT = 53;

/** Where in the sandbox its questions are taken to. */
export interface Ports {
  readonly udp: number;
  readonly tcp: number;
}

/**
 * Leads a namespace's questions to its nameserver to our sockets, except those that we ask there. In one step,
 * whatever was there before:
 *
 *     table ip weft { chain names { type nat hook output priority -110
 *       ip saddr 127.87.69.70 accept
 *       ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:40001
 *       ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:40002 } }
 */
export function divert(netnsFd: number, ports: Ports): void {
  const rules = rulesFor(ports);
  transact(netnsFd, [
    encodeAddTable(TABLE),
    encodeAddChain(TABLE, CHAIN, { type: 'nat', hook: 'output', priority: PRIORITY }),
    encodeFlushChain(TABLE, CHAIN),
    ...rules.map(({ comment, expressions }) => encodeAddRule(TABLE, { chain: CHAIN, comment, expressions })),
  ]);
}

/** Where the namespace's questions are led to; undefined when they are not, or not as {@link divert} does. */
export function readDiversion(netnsFd: number): Ports | undefined {
  const conversation = openConversation(netnsFd, 'netfilter');
  try {
    const comments = conversation
      .dump(encodeDumpRules(TABLE), decodeRule)
      .filter(({ table, chain }) => table === TABLE.name && chain === CHAIN)
      .map(({ comment }) => comment);
    const [udp, tcp] = comments
      .slice(1)
      .map((comment) => Number(/^names, \w+ (\d+)$/.exec(comment ?? '')?.[1]));
    if (!udp || !tcp) return undefined;
    return rulesFor({ udp, tcp }).every(({ comment }, i) => comments[i] === comment)
      ? { udp, tcp }
      : undefined;
  } finally {
    conversation.close();
  }
}

/** Lets questions go where they went before. There is no rule is success. */
export function undivert(netnsFd: number): void {
  try {
    transact(netnsFd, [encodeDeleteTable(TABLE)]);
  } catch (error) {
    if (!(error instanceof NetlinkError && error.errno === constants.errno.ENOENT)) throw error;
  }
}

function rulesFor(ports: Ports): { readonly comment: string; readonly expressions: readonly Expression[] }[] {
  const to = (protocol: number, port: number) => [
    ...bytesAre('network', DESTINATION_AT, addressBytes(NAMESERVER)),
    ...speaks(protocol),
    ...bytesAre('transport', PORT_AT, Uint8Array.of(0, DOMAIN_PORT)),
    ...dnatTo(addressBytes(NAMESERVER), Uint8Array.of(port >> 8, port & 255)),
  ];
  return [
    {
      comment: 'asked on by weft',
      expressions: [...bytesAre('network', SOURCE_AT, addressBytes(ASKS_FROM)), accept],
    },
    { comment: `names, udp ${ports.udp}`, expressions: to(IPPROTO_UDP, ports.udp) },
    { comment: `names, tcp ${ports.tcp}`, expressions: to(IPPROTO_TCP, ports.tcp) },
  ];
}

/**
 * Rules that translate addresses are asked at a flow's first packet, and a program that asks from one port again and
 * again has one flow: it is to begin anew, or it would go where it went before, for as long as it asks.
 */
function transact(netnsFd: number, requests: readonly Request[]): void {
  const conversation = openConversation(netnsFd, 'netfilter');
  try {
    conversation.transact(requests);
    forgetFlows(conversation, { destination: NAMESERVER, protocol: IPPROTO_UDP, port: DOMAIN_PORT });
  } finally {
    conversation.close();
  }
}
