import type { Logger } from 'pino';
import type { Underlay } from '#kernel/underlay.ts';
import { type Cidr, cidrFamily, prefixLengthOf } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import { FAMILY_BITS } from '#model/ip.ts';
import { type HostWords, type Uplink, underlayOf, whereTunnelsEnd } from './uplink.ts';

/** A host may be told of anew as often: Docker makes a bridge, a VPN comes up. */
const ROUTES_INTERVAL_MS = 10_000;
/** A router may have very many routes: reading them takes no more than a share of the time. */
const ROUTES_SHARE = 1 / 200;

export interface HostTellerParts {
  readonly host: Id;
  readonly uplink: Pick<Uplink, 'correct'>;
  /** What to register, read anew at each try: addresses change. */
  readonly hostWords: () => Promise<HostWords>;
  /** Where this host's tunnels end now; throws when that cannot be found. */
  readonly underlay: () => Promise<Underlay>;
  /** What this host routes now. */
  readonly routes: () => readonly Cidr[];
  /** Never goes back. */
  readonly nowMs: () => number;
  readonly log: Logger;
}

/** Tells the controller, and by it all peers, what this host has become since it registered. */
export class HostTeller {
  private readonly parts: HostTellerParts;
  /** What the controller was told last. */
  private tunnels = '';
  private routes = '';
  private nextRoutesAtMs = 0;

  constructor(parts: HostTellerParts) {
    this.parts = parts;
  }

  /** The controller was told that. */
  told(words: HostWords): void {
    this.tunnels = whereTunnelsEnd(underlayOf(words));
    this.routes = whereRoutesLead(words.facts.routes);
    this.nextRoutesAtMs = this.parts.nowMs() + ROUTES_INTERVAL_MS;
  }

  /** To be called now and then, while there is a session. */
  async look(): Promise<void> {
    const { host, uplink, hostWords, underlay, log } = this.parts;
    try {
      // All that is to be told takes a look at every process: only once it is known that something is.
      const hasMoved = whereTunnelsEnd(await underlay()) !== this.tunnels;
      if (!hasMoved && !this.routesDiffer()) return;
      const words = await hostWords();
      await uplink.correct(host, words);
      this.told(words);
      if (hasMoved) log.info({ underlay: words.underlay }, 'the underlay is another');
    } catch (error) {
      log.warn({ reason: (error as Error).message }, 'cannot tell what this host is now');
    }
  }

  private routesDiffer(): boolean {
    const { routes, nowMs } = this.parts;
    const startMs = nowMs();
    if (startMs < this.nextRoutesAtMs) return false;
    const differ = whereRoutesLead(routes()) !== this.routes;
    const endMs = nowMs();
    this.nextRoutesAtMs = endMs + Math.max(ROUTES_INTERVAL_MS, (endMs - startMs) / ROUTES_SHARE);
    return differ;
  }
}

/** Of single addresses there can be one for each container, which come and go. */
const whereRoutesLead = (routes: readonly Cidr[]): string =>
  routes
    .filter((cidr) => prefixLengthOf(cidr) < FAMILY_BITS[cidrFamily(cidr)])
    .sort()
    .join();
