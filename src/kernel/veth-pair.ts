import type { NamespaceName } from '#model/kernel-state.ts';
import type { Link as NetlinkLink } from '#netlink/route/link.ts';
import type { Visit } from './visit.ts';

/**
 * Whether two veths are the ends of one pair: each names the other's index, and `port` names the namespace of `end`
 * by the number that it has there. Indexes alone would not do: every namespace counts from 1.
 */
export const isPair = (at: Visit, port: NetlinkLink, container: Visit, end: NetlinkLink): boolean =>
  port.link === end.index &&
  end.link === port.index &&
  port.linkNetnsId !== undefined &&
  port.linkNetnsId === at.idOf(container);

/** Our end of a pair, in an overlay namespace. */
export interface Port {
  readonly visit: Visit;
  readonly row: NetlinkLink;
}

/** All our ends, to find the one that belongs to an interface of a container. */
export class Ports {
  readonly #byIndexes = new Map<string, Port[]>();
  readonly #byName = new Map<string, Port>();

  add(port: Port): void {
    this.#byName.set(`${port.visit.ns} ${port.row.name}`, port);
    const key = `${port.row.index} ${port.row.link}`;
    this.#byIndexes.set(key, [...(this.#byIndexes.get(key) ?? []), port]);
  }

  named(ns: NamespaceName, name: string): Port | undefined {
    return this.#byName.get(`${ns} ${name}`);
  }

  otherEndOf(container: Visit, end: NetlinkLink): Port | undefined {
    if (end.kind !== 'veth') return undefined;
    const candidates = this.#byIndexes.get(`${end.link} ${end.index}`) ?? [];
    return candidates.find(({ visit, row }) => isPair(visit, row, container, end));
  }
}
