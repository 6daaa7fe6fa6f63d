import { openConversation } from '#netlink/conversation.ts';
import { type RouteEvent, type Subscription, subscribe } from '#netlink/events.ts';
import { type Message, RTM } from '#netlink/message.ts';
import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import { decodeLink, encodeDumpLinks } from '#netlink/route/link.ts';
import { decodeNeighbour } from '#netlink/route/neighbour.ts';
import type { KernelEvent } from './kernel.ts';

/**
 * Hears the host's own namespace, while bridges of it are adopted: of the much that happens there, what concerns those
 * bridges, their ports and our devices.
 */
export class HostWatch {
  readonly #tell: (event: KernelEvent) => void;
  readonly #bridges: ReadonlySet<string>;
  /** Of adopted bridges and of our devices. */
  readonly #indexes = new Map<number, 'bridge' | 'own'>();
  readonly #subscription: Subscription;

  constructor(bridges: ReadonlySet<string>, tell: (event: KernelEvent) => void) {
    this.#bridges = bridges;
    this.#tell = tell;
    const groups = ['LINK', 'NEIGH', 'IPV4_IFADDR', 'IPV6_IFADDR'] as const;
    this.#subscription = subscribe({ groups }, (event) => this.#hear(event));
    const conversation = openConversation();
    for (const link of conversation.dump(encodeDumpLinks(), decodeLink)) this.#know(link);
    conversation.close();
  }

  listensTo(bridges: ReadonlySet<string>): boolean {
    return bridges.size === this.#bridges.size && [...bridges].every((name) => this.#bridges.has(name));
  }

  close(): void {
    this.#subscription.close();
  }

  #hear(event: RouteEvent): void {
    if (event.kind === 'overrun') this.#tell({ dirty: 'all' });
    else if (this.#concerns(event.message)) this.#stir();
  }

  #stir(): void {
    this.#tell({ dirty: 'namespace', ns: '' });
  }

  #concerns(message: Message): boolean {
    switch (message.type) {
      case RTM.NEWLINK:
      case RTM.DELLINK:
        return this.#concernsLink(message);
      case RTM.NEWNEIGH:
      case RTM.DELNEIGH:
        return this.#concernsRow(message);
      case RTM.NEWADDR:
      case RTM.DELADDR:
        // struct ifaddrmsg, linux/if_addr.h: u32 index @4.
        return this.#indexes.has(message.body.readUInt32LE(4));
      default:
        return false;
    }
  }

  #know({ index, name = '' }: { readonly index: number; readonly name?: string }): boolean {
    if (this.#bridges.has(name)) this.#indexes.set(index, 'bridge');
    else if (name.startsWith('wf')) this.#indexes.set(index, 'own');
    return this.#indexes.has(index);
  }

  #concernsLink(message: Message): boolean {
    const link = decodeLink(message);
    const known = this.#know(link) || this.#indexes.has(link.master ?? 0);
    if (message.type === RTM.DELLINK) this.#indexes.delete(link.index);
    return known;
  }

  #concernsRow(message: Message): boolean {
    const { family, ifindex, master = 0 } = decodeNeighbour(message);
    // Of a row of ours a glance does not tell, only a look.
    if (family === AF_BRIDGE && this.#indexes.get(ifindex) === 'own' && master === 0)
      this.#tell({ dirty: 'all' });
    return this.#indexes.has(ifindex) || this.#indexes.has(master);
  }
}
