import { constants } from 'node:os';
import { NAMESERVER } from '#model/nameserver.ts';
import { type Conversation, openConversation } from '#netlink/conversation.ts';
import type { Request } from '#netlink/message.ts';
import { forgetFlows } from '#netlink/netfilter/conntrack.ts';
import {
  accept,
  bytesAre,
  bytesAreNot,
  type Expression,
  isIpv4,
  portBecomes,
} from '#netlink/netfilter/expression.ts';
import {
  decodeRule,
  encodeAddChain,
  encodeAddIngressChain,
  encodeAddRule,
  encodeAddTable,
  encodeDeleteTable,
  encodeDumpRules,
  encodeFlushChain,
  type Table,
} from '#netlink/netfilter/tables.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { ASKS_FROM, addressBytes } from './asks-from.ts';

const QUESTIONS: Table = { family: 'ip', name: 'weft' };
const ANSWERS: Table = { family: 'netdev', name: 'weft' };
const CHAIN = 'names';
/** Before connection tracking and Docker's own translation (NF_IP_PRI_RAW, linux/netfilter_ipv4.h). */
const PRIORITY = -300;

const [IPPROTO_TCP, IPPROTO_UDP] = [6, 17];
/** Bytes of the IPv4 header before source and destination. */
const [SOURCE_AT, DESTINATION_AT] = [12, 16];
const DOMAIN_PORT = 53;

/** What kernels say to a chain that is to be heard elsewhere. */
const CANNOT_BECOME = ['EEXIST', 'EOPNOTSUPP'] as const;

/** Where in the sandbox its questions are taken to. */
export interface Ports {
  readonly udp: number;
  readonly tcp: number;
}

/**
 * Leads a namespace's questions to its nameserver to our sockets, except those that we ask there. In one step,
 * whatever was there before:
 *
 *     table ip weft { chain names { type filter hook output priority -300
 *       ip daddr != 127.0.0.11 accept
 *       ip saddr 127.87.69.70 accept
 *       udp dport 53 udp dport set 40001
 *       tcp dport 53 tcp dport set 40002 } }
 *     table netdev weft { chain names { type filter hook ingress device lo priority 0
 *       ip saddr 127.0.0.11 udp sport 40001 udp sport set 53
 *       ip saddr 127.0.0.11 tcp sport 40002 tcp sport set 53 } }
 *
 * Packet by packet and not by a rule that translates flows: such a one has every packet of the container tracked, those
 * to other hosts too, which costs as much as all else on their way to the bridge.
 */
export function divert(netnsFd: number, ports: Ports): void {
  withConversation(netnsFd, (conversation) => {
    try {
      conversation.transact(requestsFor(ports));
    } catch (error) {
      if (!CANNOT_BECOME.some((name) => isErrno(error, name))) throw error;
      // An earlier Weft had flows translated, in a chain of another type: they, too, are to begin anew.
      const former = [encodeAddTable(QUESTIONS), encodeDeleteTable(QUESTIONS)];
      conversation.transact([...former, ...requestsFor(ports)]);
      forgetFlows(conversation, { destination: NAMESERVER, protocol: IPPROTO_UDP, port: DOMAIN_PORT });
    }
  });
}

/** Where the namespace's questions are led to; undefined when they are not, or not as {@link divert} does. */
export function readDiversion(netnsFd: number): Ports | undefined {
  return withConversation(netnsFd, (conversation) => {
    const comments = [QUESTIONS, ANSWERS].flatMap((table) =>
      conversation
        .dump(encodeDumpRules(table), decodeRule)
        .filter((rule) => rule.table === table.name && rule.chain === CHAIN)
        .map(({ comment }) => comment),
    );
    const portIn = (words: RegExp) =>
      comments.flatMap((comment) => Number(words.exec(comment ?? '')?.[1]) || [])[0];
    const [udp, tcp] = [portIn(/^names, udp (\d+)$/), portIn(/^names, tcp (\d+)$/)];
    if (!udp || !tcp) return undefined;
    const { questions, answers } = rulesFor({ udp, tcp });
    const wanted = [...questions, ...answers].map(({ comment }) => comment);
    return wanted.length === comments.length && wanted.every((comment, i) => comments[i] === comment)
      ? { udp, tcp }
      : undefined;
  });
}

/** Lets questions go where they went before. There is no rule is success. */
export function undivert(netnsFd: number): void {
  withConversation(netnsFd, (conversation) => {
    for (const table of [QUESTIONS, ANSWERS])
      try {
        conversation.transact([encodeDeleteTable(table)]);
      } catch (error) {
        if (!isErrno(error, 'ENOENT')) throw error;
      }
  });
}

function requestsFor(ports: Ports): Request[] {
  const { questions, answers } = rulesFor(ports);
  const fill = (table: Table, rules: readonly NamedRule[]): Request[] => [
    encodeFlushChain(table, CHAIN),
    ...rules.map((rule) => encodeAddRule(table, { chain: CHAIN, ...rule })),
  ];
  return [
    ...[QUESTIONS, ANSWERS].map(encodeAddTable),
    encodeAddChain(QUESTIONS, CHAIN, { type: 'filter', hook: 'output', priority: PRIORITY }),
    encodeAddIngressChain(ANSWERS.name, CHAIN, 'lo'),
    ...fill(QUESTIONS, questions),
    ...fill(ANSWERS, answers),
  ];
}

interface NamedRule {
  readonly comment: string;
  readonly expressions: readonly Expression[];
}

function rulesFor({ udp, tcp }: Ports): Readonly<Record<'questions' | 'answers', NamedRule[]>> {
  const question = (protocol: number, port: number) => portBecomes(protocol, 'target', DOMAIN_PORT, port);
  const answer = (protocol: number, port: number) => [
    ...isIpv4,
    ...bytesAre('network', SOURCE_AT, addressBytes(NAMESERVER)),
    ...portBecomes(protocol, 'source', port, DOMAIN_PORT),
  ];
  return {
    questions: [
      {
        comment: 'for others',
        expressions: [...bytesAreNot('network', DESTINATION_AT, addressBytes(NAMESERVER)), accept],
      },
      {
        comment: 'asked on by weft',
        expressions: [...bytesAre('network', SOURCE_AT, addressBytes(ASKS_FROM)), accept],
      },
      { comment: `names, udp ${udp}`, expressions: question(IPPROTO_UDP, udp) },
      { comment: `names, tcp ${tcp}`, expressions: question(IPPROTO_TCP, tcp) },
    ],
    answers: [
      { comment: `answers, udp ${udp}`, expressions: answer(IPPROTO_UDP, udp) },
      { comment: `answers, tcp ${tcp}`, expressions: answer(IPPROTO_TCP, tcp) },
    ],
  };
}

function withConversation<T>(netnsFd: number, work: (conversation: Conversation) => T): T {
  const conversation = openConversation(netnsFd, 'netfilter');
  try {
    return work(conversation);
  } finally {
    conversation.close();
  }
}

const isErrno = (error: unknown, name: 'EEXIST' | 'ENOENT' | 'EOPNOTSUPP'): boolean =>
  error instanceof NetlinkError && error.errno === constants.errno[name];
