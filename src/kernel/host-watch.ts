import { HOST_NAMESPACE } from '#model/kernel-state.ts';
import { openConversation } from '#netlink/conversation.ts';
import { type RouteEvent, type Subscription, subscribe } from '#netlink/events.ts';
import { type Message, RTM } from '#netlink/message.ts';
import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import { decodeLink, encodeDumpLinks, type Link } from '#netlink/route/link.ts';
import { decodeNeighbour } from '#netlink/route/neighbour.ts';
import { decodeRoute } from '#netlink/route/route.ts';
import { ClaimTaps } from './claim-taps.ts';
import type { Claim, KernelEvent } from './kernel.ts';

/**
 * Hears the host's own namespace, while bridges of it are adopted: of the much that happens there, what concerns those
 * bridges, their ports and our devices.
 */
export class HostWatch {
  readonly #tell: (event: KernelEvent) => void;
  readonly #bridges: ReadonlySet<string>;
  /** Of adopted bridges, by name, and of our devices. */
  readonly #indexes = new Map<number, Subject>();
  readonly #subscription: Subscription;
  readonly #taps: ClaimTaps;
  /** Events were lost: what came and went with them is not known. */
  #isDoubtful = false;

  constructor(
    bridges: ReadonlySet<string>,
    tell: (event: KernelEvent) => void,
    onClaims: (claims: readonly Claim[]) => void,
  ) {
    this.#bridges = bridges;
    this.#tell = tell;
    this.#taps = new ClaimTaps(onClaims);
    const groups = ['LINK', 'NEIGH', 'IPV4_IFADDR', 'IPV6_IFADDR', 'IPV4_ROUTE', 'IPV6_ROUTE'] as const;
    this.#subscription = subscribe({ groups }, (event) => this.#hear(event));
    // There can be very many; only the loss of one is damage.
    this.#subscription.drop([RTM.NEWROUTE]);
    try {
      const links = readLinks();
      for (const link of links) this.#know(link);
      for (const link of links) this.#tap(link);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** False also when it has to be opened anew. */
  listensTo(bridges: ReadonlySet<string>): boolean {
    if (this.#isDoubtful) return false;
    return bridges.size === this.#bridges.size && [...bridges].every((name) => this.#bridges.has(name));
  }

  close(): void {
    this.#subscription.close();
    this.#taps.close();
  }

  #hear(event: RouteEvent): void {
    if (event.kind === 'overrun') {
      this.#isDoubtful = true;
      this.#tell({ dirty: 'all' });
    } else {
      const subject = this.#subjectOf(event.message);
      const about = subject && 'device' in subject ? { about: subject } : {};
      if (subject) this.#tell({ dirty: 'namespace', ns: HOST_NAMESPACE, ...about });
    }
  }

  /** What of ours a message is about; undefined for others' affairs. */
  #subjectOf(message: Message): Subject | undefined {
    switch (message.type) {
      case RTM.NEWLINK:
      case RTM.DELLINK:
        return this.#subjectOfLink(message);
      case RTM.NEWNEIGH:
      case RTM.DELNEIGH:
        return this.#subjectOfRow(message);
      case RTM.NEWADDR:
      case RTM.DELADDR:
        // struct ifaddrmsg, linux/if_addr.h: u32 index @4.
        return this.#indexes.get(message.body.readUInt32LE(4));
      case RTM.DELROUTE: {
        const subject = this.#indexes.get(decodeRoute(message).oif ?? 0);
        return isOwn(subject) ? subject : undefined;
      }
      default:
        return undefined;
    }
  }

  #know({ index, name = '' }: { readonly index: number; readonly name?: string }): Subject | undefined {
    if (this.#bridges.has(name)) this.#indexes.set(index, { bridge: name });
    else if (name.startsWith('wf')) this.#indexes.set(index, { device: name });
    return this.#indexes.get(index);
  }

  #subjectOfLink(message: Message): Subject | undefined {
    const link = decodeLink(message);
    const known = this.#know(link) ?? this.#indexes.get(link.master ?? 0);
    const isGone = message.type === RTM.DELLINK;
    if (isGone) this.#indexes.delete(link.index);
    this.#tap(isGone ? { index: link.index } : link);
    return known;
  }

  /** Behind the other ports of an adopted bridge are those whose word counts. */
  #tap({ index, master = 0 }: { readonly index: number; readonly master?: number }): void {
    const of = this.#indexes.get(master);
    const isStranger = of && 'bridge' in of && !isOwn(this.#indexes.get(index));
    this.#taps.know(index, isStranger ? of.bridge : undefined);
  }

  #subjectOfRow(message: Message): Subject | undefined {
    const { family, ifindex, master = 0 } = decodeNeighbour(message);
    // Of a row of ours a glance does not tell, only a look.
    const subject = this.#indexes.get(ifindex);
    if (family === AF_BRIDGE && isOwn(subject) && master === 0) this.#tell({ dirty: 'all' });
    return subject ?? this.#indexes.get(master);
  }
}

/** An adopted bridge, or a device of ours. */
type Subject = { readonly bridge: string } | { readonly device: string };

const isOwn = (subject: Subject | undefined): boolean => subject !== undefined && 'device' in subject;

function readLinks(): Link[] {
  const conversation = openConversation();
  try {
    return conversation.dump(encodeDumpLinks(), decodeLink);
  } finally {
    conversation.close();
  }
}
