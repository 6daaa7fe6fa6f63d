import type { NamespaceName } from '#model/kernel-state.ts';
import { type EventGroup, openWatchtower, type RouteEvent, type Watchtower } from '#netlink/events.ts';
import { type Message, RTM } from '#netlink/message.ts';
import { decodeNamespaceId } from '#netlink/route/namespace-id.ts';
import type { Protocol } from '#netlink/socket.ts';

/** One socket that hears many namespaces, and knows them by name. A namespace can have several. */
export class Post {
  readonly #tower: Watchtower;
  readonly #heard = new Map<NamespaceName, { readonly cookie: string; readonly nsid: number }>();
  readonly #names = new Map<number, Set<NamespaceName>>();

  constructor(
    groups: readonly EventGroup[],
    onEvent: (event: RouteEvent, names: Iterable<NamespaceName>) => void,
    protocol: Protocol = 'route',
  ) {
    // Only rtnetlink tells of the end of a namespace.
    const all: EventGroup[] = protocol === 'route' ? [...groups, 'NSID'] : [...groups];
    this.#tower = openWatchtower({ groups: all, protocol }, (event) => {
      if (event.kind === 'overrun') {
        this.#doubt();
        onEvent(event, []);
      } else if (protocol === 'route' && event.message.type === RTM.DELNSID) {
        // Those that are heard count others too (a container's end in its overlay), by numbers that are not ours.
        if (event.nsid === undefined) this.#forget(event.message);
      } else onEvent(event, this.#names.get(event.nsid ?? -1) ?? []);
    });
  }

  hears(ns: NamespaceName, cookie: string): boolean {
    return this.#heard.get(ns)?.cookie === cookie;
  }

  /** From now on the namespace behind `netnsFd` is heard under this name too, and no other is. */
  hear(ns: NamespaceName, cookie: string, netnsFd: number): void {
    const nsid = this.#tower.add(netnsFd);
    this.#names.get(this.#heard.get(ns)?.nsid ?? -1)?.delete(ns);
    this.#heard.set(ns, { cookie, nsid });
    this.#names.set(nsid, (this.#names.get(nsid) ?? new Set()).add(ns));
  }

  /** What was lost may have been of any of them: each is to be learned anew by who goes there next. They are heard on. */
  #doubt(): void {
    for (const [ns, { nsid }] of this.#heard) this.#heard.set(ns, { cookie: '', nsid });
  }

  /** Lets no more messages of these types in. */
  drop(types: readonly number[]): void {
    this.#tower.drop(types);
  }

  close(): void {
    this.#tower.close();
  }

  /** The kernel has taken a namespace apart. */
  #forget(message: Message): void {
    const nsid = decodeNamespaceId(message);
    for (const ns of this.#names.get(nsid) ?? [])
      if (this.#heard.get(ns)?.nsid === nsid) this.#heard.delete(ns);
    this.#names.delete(nsid);
  }
}
