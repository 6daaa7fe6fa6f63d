import { openSync } from 'node:fs';
import { constants } from 'node:os';
import { HOST_NAMESPACE, isContainer, type NamespaceName } from '#model/kernel-state.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { WITHIN_MARK } from '#model/own.ts';
import { type Conversation, converse, openConversation } from '#netlink/conversation.ts';
import { interfaceIndex } from '#netlink/interface-index.ts';
import { close } from '#netlink/libc.ts';
import { namedNamespacePath } from '#netlink/named-namespace.ts';
import { fromSystemError, NetlinkError } from '#netlink/netlink-error.ts';
import { type OpenNamespace, openNamespace } from '#netlink/open-namespace.ts';
import { decodeLink, encodeGetLink } from '#netlink/route/link.ts';
import { decodeNamespaceId, encodeGetNamespaceId } from '#netlink/route/namespace-id.ts';
import { type FrameBatchSender, openFrameBatchSender } from '#netlink/send-frames.ts';
import { openSocket } from '#netlink/socket.ts';
import type { KeptVisits } from './kept-visits.ts';
import type { Scope } from './kernel.ts';

const { ENOENT, ENODEV } = constants.errno;

/**
 * One namespace while a call lasts: a socket in it, and the indexes of its devices. What was opened is the visit's to
 * close, also when there is no socket to be had.
 */
export class Visit {
  readonly ns: NamespaceName;
  /** Of the host's own namespace there is none. */
  readonly opened: OpenNamespace | undefined;
  readonly conversation: Conversation;
  readonly #socket: number;
  readonly #indexes = new Map<string, number>();
  #filter: Conversation | undefined;
  #frames: FrameBatchSender | undefined;
  #hostFd: number | undefined;
  readonly #ids = new Map<Visit, number>();

  constructor(ns: NamespaceName, opened?: OpenNamespace) {
    this.ns = ns;
    this.opened = opened;
    const socket = socketIn(opened);
    this.#socket = socket.fd;
    this.conversation = converse(socket);
  }

  /** Of the host's own namespace there is none. */
  get netnsFd(): number | undefined {
    return this.opened?.fd;
  }

  /** Which namespace that is; '' is the host's own. */
  get cookie(): string {
    return this.opened?.cookie ?? '';
  }

  /** Also of the host's own namespace. */
  get namespaceFd(): number {
    this.#hostFd ??= this.netnsFd === undefined ? openOwn() : undefined;
    return this.netnsFd ?? this.#hostFd!;
  }

  /** The number that another namespace has in this one; undefined without. */
  idOf(other: Visit): number | undefined {
    const known = this.#ids.get(other);
    if (known !== undefined) return known;
    const id = decodeNamespaceId(this.conversation.ask(encodeGetNamespaceId(other.namespaceFd)));
    if (id < 0) return undefined;
    this.#ids.set(other, id);
    return id;
  }

  /** With nf_tables of this namespace. */
  get filter(): Conversation {
    this.#filter ??= openConversation(this.netnsFd, 'netfilter');
    return this.#filter;
  }

  /** Onto this namespace's devices. */
  get frames(): FrameBatchSender {
    this.#frames ??= openFrameBatchSender(this.netnsFd, WITHIN_MARK);
    return this.#frames;
  }

  /** No answer is owed that may come late. */
  get isSound(): boolean {
    return this.conversation.isSound && (this.#filter?.isSound ?? true);
  }

  /** Ifindex of a device. Throws NetlinkError ENODEV without it. */
  indexOf(name: string): number {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    const index = interfaceIndex(this.#socket, name);
    this.#indexes.set(name, index);
    return index;
  }

  /** Name of a device; undefined without it. */
  nameOf(index: number): string | undefined {
    try {
      return decodeLink(this.conversation.ask(encodeGetLink({ index }))).name;
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  /** Whether the index needs no asking. */
  knownIndexOf(name: string): number | undefined {
    return this.#indexes.get(name);
  }

  forgetIndexes(): void {
    this.#indexes.clear();
  }

  /** What others may change before the next call. */
  forget(): void {
    this.forgetIndexes();
    this.#ids.clear();
  }

  close(): void {
    this.conversation.close();
    this.#filter?.close();
    this.#frames?.close();
    const fd = this.netnsFd ?? this.#hostFd;
    if (fd !== undefined) close(fd);
  }
}

function openOwn(): number {
  const path = '/proc/thread-self/ns/net';
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw fromSystemError(error, `open ${path}`);
  }
}

function socketIn(opened?: OpenNamespace): ReturnType<typeof openSocket> {
  try {
    return openSocket(opened?.fd);
  } catch (error) {
    if (opened) close(opened.fd);
    throw error;
  }
}

/** The namespaces that one call of observe or apply goes into, each entered at most once and left at its end. */
export class Visits {
  readonly #containers: ReadonlyMap<NamespaceName, NamespaceRef>;
  readonly #open = new Map<NamespaceName, Visit>();
  readonly #onEnter: (ns: NamespaceName, opened: OpenNamespace) => void;
  readonly #kept: KeptVisits | undefined;

  constructor(
    scope: Scope,
    onEnter: (ns: NamespaceName, opened: OpenNamespace) => void = () => {},
    kept?: KeptVisits,
  ) {
    this.#containers = new Map(scope.containers.map(({ namespace }) => [namespace.path, namespace]));
    this.#onEnter = onEnter;
    this.#kept = kept;
  }

  /** Throws NetlinkError ENOENT when it is not there, or is another one than the scope means. */
  to(ns: NamespaceName): Visit {
    const open = this.#open.get(ns);
    if (open) return open;
    const visit = this.#kept?.take(ns) ?? new Visit(ns, this.#openNamespace(ns));
    // Before anything can go wrong: what is here is closed at the end.
    this.#open.set(ns, visit);
    if (visit.opened) this.#onEnter(ns, visit.opened);
    return visit;
  }

  #openNamespace(ns: NamespaceName): OpenNamespace | undefined {
    if (ns === HOST_NAMESPACE) return undefined;
    return isContainer(ns) ? this.#openContainer(ns) : open(ns, namedNamespacePath(ns));
  }

  #openContainer(ns: NamespaceName): OpenNamespace {
    const meant = this.#containers.get(ns);
    if (!meant) throw absent(`${ns} is not among the containers to look at`);
    const opened = open(ns, ns);
    const { fd, dev, inode, cookie } = opened;
    if (meant.dev === dev && meant.inode === inode && meant.cookie === cookie) return opened;
    close(fd);
    throw absent(`${ns} is another namespace by now`);
  }

  /** Devices have come or gone. */
  forgetIndexes(): void {
    for (const visit of this.#open.values()) visit.forgetIndexes();
  }

  leave(ns: NamespaceName): void {
    this.#open.get(ns)?.close();
    this.#open.delete(ns);
  }

  /** Leaves all, for who comes soon to find what is kept. */
  close(): void {
    for (const visit of this.#open.values()) {
      if (this.#kept) this.#kept.keep(visit);
      else visit.close();
    }
    this.#open.clear();
  }
}

function open(ns: NamespaceName, path: string): OpenNamespace {
  let opened: ReturnType<typeof openNamespace>;
  try {
    opened = openNamespace(path);
  } catch (error) {
    throw fromSystemError(error, `open ${path}`);
  }
  if (typeof opened === 'string') throw absent(`namespace ${ns} is not there (${opened})`);
  return opened;
}

const absent = (text: string): NetlinkError => new NetlinkError({ errno: ENOENT, request: 'open', text });

export const isAbsent = (error: unknown): boolean =>
  error instanceof NetlinkError && (error.errno === ENOENT || error.errno === ENODEV);

/** Undefined when what is looked at, such as a namespace, is not there. */
export function unlessAbsent<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (!isAbsent(error)) throw error;
    return undefined;
  }
}
