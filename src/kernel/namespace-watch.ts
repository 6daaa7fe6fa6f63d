import { type FSWatcher, mkdirSync, watch } from 'node:fs';
import { HOST_NAMESPACE, isContainer, type NamespaceName } from '#model/kernel-state.ts';
import { FILTER_TABLE } from '#model/own.ts';
import { type RouteEvent, type Subscription, subscribe } from '#netlink/events.ts';
import { close } from '#netlink/libc.ts';
import { type Message, RTM } from '#netlink/message.ts';
import { NAMESPACE_DIRECTORY, namedNamespacePath } from '#netlink/named-namespace.ts';
import { decodeTableName } from '#netlink/netfilter/tables.ts';
import { type OpenNamespace, openNamespace } from '#netlink/open-namespace.ts';
import { EventReader } from './event-reader.ts';
import { HostWatch } from './host-watch.ts';
import type { Claim, ContainerScope, KernelEvent } from './kernel.ts';
import { MissWatch } from './miss-watch.ts';
import { Post } from './post.ts';

/** Misses are asked, not told; nothing has changed by them. */
const MISSES = [RTM.GETNEIGH];
/** A container may keep any routes of its own; only the loss of one can be damage. */
const NEW_ROUTES = [RTM.NEWROUTE];
const ROWS = [RTM.NEWNEIGH, RTM.DELNEIGH, RTM.GETNEIGH];

/**
 * Hears of changes in the namespaces that were visited, overlays and containers, and of the loss of overlays' names
 * under /run/netns; in the host's own namespace, of adopted bridges and links of ours. Open only while somebody listens; holds no namespace alive.
 */
export class NamespaceWatch {
  readonly #visited = new Map<NamespaceName, OpenNamespace['cookie']>();
  readonly #listeners = new Set<(event: KernelEvent) => void>();
  readonly #reader = new EventReader();
  readonly misses = new MissWatch();
  onClaims: (claims: readonly Claim[]) => void = () => {};
  /** Called before anybody else is. */
  onEvent: (event: KernelEvent) => void = () => {};
  /** Whether what others do to their tables in the host's own namespace has to do with what it forwards. */
  isForwarding: (message: Message) => boolean = () => false;
  #overlays: Post | undefined;
  /** A post of its own: in containers neighbours come and go with the traffic, and are none of ours. */
  #containers: Post | undefined;
  /** Of overlays, and of the host's own namespace. */
  #rules: Post | undefined;
  #hostRules: Subscription | undefined;
  #directory: FSWatcher | undefined;
  #host: HostWatch | undefined;
  #bridges: ReadonlySet<string> = new Set();
  #hasOwn = false;
  #mutes = 0;

  /** We are in this namespace now; from here on it is heard too. Idempotent. */
  see(ns: NamespaceName, { fd, cookie }: OpenNamespace): void {
    const post = isContainer(ns) ? this.#containers : this.#overlays;
    if (post && !post.hears(ns, cookie)) {
      post.hear(ns, cookie, fd);
      if (post === this.#overlays) {
        this.#reader.learnDevices(ns, fd);
        this.misses.know(ns, cookie, this.#reader.linksOf(ns));
        this.#rules?.hear(ns, cookie, fd);
      }
    }
    this.#visited.set(ns, cookie);
  }

  /** Of containers that are not looked at any more nothing is remembered: they come and go as long as a host runs. */
  keepOnly(containers: readonly ContainerScope[]): void {
    const paths = new Set(containers.map(({ namespace }) => namespace.path));
    for (const ns of this.#visited.keys()) if (isContainer(ns) && !paths.has(ns)) this.#visited.delete(ns);
  }

  /** From here on these bridges of the host's own namespace are heard too, and no others; and links of ours, if any. */
  watchHost(bridges: ReadonlySet<string>, hasOwn: boolean): void {
    this.#bridges = bridges;
    this.#hasOwn = hasOwn;
    const isNeeded = bridges.size > 0 || hasOwn;
    if (this.#listeners.size === 0 || (isNeeded && this.#host?.listensTo(bridges))) return;
    this.#host?.close();
    this.#host = undefined;
    const onClaims = (claims: readonly Claim[]) => this.onClaims(claims);
    this.#host = isNeeded ? new HostWatch(bridges, (event) => this.#tell(event), onClaims) : undefined;
  }

  /** Returns the way to stop. */
  listen(onEvent: (event: KernelEvent) => void): () => void {
    const listener = (event: KernelEvent) => onEvent(event);
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#open();
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.close();
    };
  }

  /** Does not hear rows while `work` writes many: their echo would drown the rest. What others changed is lost, too. */
  async withoutRows<T>(work: () => Promise<T>): Promise<T> {
    if (++this.#mutes === 1) this.#overlays?.drop(ROWS);
    try {
      return await work();
    } finally {
      if (--this.#mutes === 0) this.#overlays?.drop(MISSES);
      this.#tell({ dirty: 'all' });
    }
  }

  /** Whether nothing that changes in a container escapes. */
  hears(ns: NamespaceName, cookie: string): boolean {
    return this.#containers?.hears(ns, cookie) ?? false;
  }

  close(): void {
    this.#listeners.clear();
    this.onEvent({ dirty: 'all' });
    this.misses.close();
    this.#directory?.close();
    this.#overlays?.close();
    this.#containers?.close();
    this.#rules?.close();
    this.#hostRules?.close();
    this.#host?.close();
    this.#host = this.#directory = this.#overlays = this.#containers = undefined;
    this.#rules = this.#hostRules = undefined;
  }

  #open(): void {
    mkdirSync(NAMESPACE_DIRECTORY, { recursive: true });
    this.#directory = watch(NAMESPACE_DIRECTORY, (_, name) => this.#onName(name));
    const onEvent = (event: RouteEvent, names: Iterable<NamespaceName>) => this.#onRoute(event, names);
    this.#overlays = new Post(['LINK', 'NEIGH', 'IPV4_IFADDR', 'IPV6_IFADDR'], onEvent);
    this.#overlays.drop(MISSES);
    this.#containers = new Post(['LINK', 'IPV4_IFADDR', 'IPV6_IFADDR', 'IPV4_ROUTE', 'IPV6_ROUTE'], onEvent);
    this.#containers.drop(NEW_ROUTES);
    const onRules = (event: RouteEvent, names: Iterable<NamespaceName>) => this.#onRules(event, names);
    this.#rules = new Post(['NFTABLES'], onRules, 'netfilter');
    this.#hostRules = subscribe({ protocol: 'netfilter', groups: ['NFTABLES'] }, (event) => {
      if (event.kind !== 'overrun' && this.isForwarding(event.message)) this.#tell(HOST_CHANGED);
      else onRules(event, [HOST_NAMESPACE]);
    });
    for (const [ns, cookie] of this.#visited) this.#revisit(ns, cookie);
    this.watchHost(this.#bridges, this.#hasOwn);
  }

  #revisit(ns: NamespaceName, cookie: string): void {
    const opened = openNamespace(isContainer(ns) ? ns : namedNamespacePath(ns));
    if (typeof opened === 'string') return;
    if (opened.cookie === cookie) this.see(ns, opened);
    close(opened.fd);
  }

  #onRoute(event: RouteEvent, names: Iterable<NamespaceName>): void {
    if (event.kind === 'overrun') this.#tell({ dirty: 'all' });
    else
      for (const ns of names) {
        const told = this.#reader.read(ns, event.message);
        if (told) this.#tell(told);
        if (isAboutLink(event.message) && !isContainer(ns))
          this.misses.know(ns, this.#visited.get(ns) ?? '', this.#reader.linksOf(ns));
      }
  }

  /** Somebody flushes all rules, or ours; what others do in tables of theirs is theirs. */
  #onRules(event: RouteEvent, names: Iterable<NamespaceName>): void {
    if (event.kind === 'overrun') this.#tell({ dirty: 'all' });
    else if (decodeTableName(event.message) === FILTER_TABLE)
      for (const ns of names)
        this.#tell({ dirty: 'namespace', ns, ...(ns === HOST_NAMESPACE && { about: 'rules' }) });
  }

  #onName(name: string | null): void {
    if (name !== null) this.misses.check(name);
    if (name === null) this.#tell({ dirty: 'all' });
    else if (this.#visited.has(name)) this.#tell({ dirty: 'namespace', ns: name });
  }

  #tell(event: KernelEvent): void {
    this.onEvent(event);
    for (const listener of [...this.#listeners]) listener(event);
  }
}

const HOST_CHANGED: KernelEvent = { dirty: 'namespace', ns: HOST_NAMESPACE };
const isAboutLink = ({ type }: Message): boolean => type === RTM.NEWLINK || type === RTM.DELLINK;
