import type { Logger } from 'pino';
import { rejectionFromError } from '#api/rejection.ts';
import { listSome } from '#intent/list-some.ts';
import type { Underlay } from '#kernel/underlay.ts';
import { type Cidr, cidrFamily, prefixLengthOf } from '#model/cidr.ts';
import { isRejection, type Rejection, sayFault } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import { FAMILY_BITS, type Ip } from '#model/ip.ts';
import type { Notice } from '#model/notice.ts';
import { type HostWords, type Uplink, underlayOf, whereTunnelsEnd } from './uplink.ts';

/** A host may be told of anew as often: Docker makes a bridge, a VPN comes up. */
const ROUTES_INTERVAL_MS = 10_000;
/** A router may have very many routes: reading them takes no more than a share of the time. */
const ROUTES_SHARE = 1 / 200;
/** Of two agents that speak as one host each says where it is as often as that, and no oftener. */
const OVERRULED_INTERVAL_MS = 30_000;
/** What was told is heard back within that. */
const SETTLES_AFTER_MS = 10_000;

export interface HostTellerParts {
  readonly host: Id;
  readonly uplink: Pick<Uplink, 'correct' | 'register'>;
  /** What others know this host by; undefined while they do not know it at all. */
  readonly known: () => readonly Ip[] | undefined;
  /** What to register, read anew at each try: addresses change. */
  readonly hostWords: () => Promise<HostWords>;
  /** Where this host's tunnels end now, or why that cannot be found. */
  readonly underlay: () => Promise<Underlay | Rejection>;
  /** What this host routes now. */
  readonly routes: () => readonly Cidr[];
  /** Never goes back. */
  readonly nowMs: () => number;
  /** What people are to know from now on. */
  readonly notice: (notices: readonly Notice[]) => void;
  readonly log: Logger;
}

/** Tells the controller, and by it all peers, what this host has become since it registered. */
export class HostTeller {
  private readonly parts: HostTellerParts;
  /** What the controller was told last. */
  private tunnels = '';
  private routes = '';
  private nextRoutesAtMs = 0;
  private noticed = '[]';
  /** As it was found last. */
  private found: Underlay | undefined;
  private toldUnderlay: readonly Ip[] | undefined;
  private toldAtMs = 0;
  /** The last look at which others knew something else. */
  private overruled: { readonly by: readonly Ip[]; readonly atMs: number } | undefined;

  constructor(parts: HostTellerParts) {
    this.parts = parts;
  }

  /** Begins a session. Throws what the controller refuses for, or why it could not be told. */
  async register(): Promise<void> {
    const { host, uplink, hostWords, known } = this.parts;
    const words = await hostWords();
    try {
      await uplink.register(host, words);
      this.told(words);
    } catch (error) {
      const refusal = rejectionFromError(error);
      const rest = refusal && known() && withoutTaken(words, refusal);
      if (!rest) throw error;
      await uplink.register(host, rest).catch(() => Promise.reject(error));
      this.told(rest);
      this.note(refusal);
    }
  }

  /** The controller was told that. */
  told(words: HostWords): void {
    this.tunnels = whereTunnelsEnd(underlayOf(words));
    this.routes = whereRoutesLead(words.facts.routes);
    this.toldUnderlay = words.underlay;
    this.toldAtMs = this.parts.nowMs();
    this.nextRoutesAtMs = this.toldAtMs + ROUTES_INTERVAL_MS;
  }

  /** To be called now and then; the controller is told while there is a session, and people always. */
  async look(connected = true): Promise<void> {
    try {
      const found = await this.parts.underlay();
      this.found = isRejection(found) ? undefined : found;
      if (isRejection(found)) this.note(found);
      else this.note(connected ? await this.correct(found) : undefined);
    } catch (error) {
      // Each try to register says why there is no session.
      if (connected)
        this.parts.log.warn({ reason: (error as Error).message }, 'cannot tell what this host is now');
    }
  }

  /** Gives why the controller could not be told, if it is so. */
  private async correct(found: Underlay): Promise<Rejection | undefined> {
    const { host, uplink, hostWords, log } = this.parts;
    // All that is to be told takes a look at every process: only once it is known that something is.
    const hasMoved = whereTunnelsEnd(found) !== this.tunnels;
    const isOverruled = this.noteOverruled();
    if (!hasMoved && !isOverruled && !this.routesDiffer()) return undefined;
    const words = await hostWords();
    try {
      await uplink.correct(host, words);
    } catch (error) {
      const refusal = rejectionFromError(error);
      if (!refusal) throw error;
      await this.giveUp(words, refusal);
      return refusal;
    }
    this.told(words);
    if (hasMoved) log.info({ underlay: words.underlay }, 'the underlay is another');
    return undefined;
  }

  /**
   * What this host has no more is let go, though it is not given what it has instead: of two hosts that have each other's
   * address now neither would get its own else.
   */
  private async giveUp(words: HostWords, refusal: Rejection): Promise<void> {
    const rest = withoutTaken(words, refusal);
    if (!rest || whereTunnelsEnd(underlayOf(rest)) === this.tunnels) return;
    const { host, uplink } = this.parts;
    // A controller that takes no host without an address stays with what it knows.
    await uplink.correct(host, rest).then(() => this.told(rest), passRefusal);
  }

  /** Whether it is to be said again where this host is: another agent said something else, with this one's id. */
  private noteOverruled(): boolean {
    const nowMs = this.parts.nowMs();
    const known = this.parts.known();
    const differs = known && this.toldUnderlay && addressText(known) !== addressText(this.toldUnderlay);
    // What was told just now, others may not have heard yet.
    if (!differs || nowMs - this.toldAtMs < SETTLES_AFTER_MS) return false;
    this.overruled = { by: known, atMs: nowMs };
    return nowMs - this.toldAtMs >= OVERRULED_INTERVAL_MS;
  }

  private note(refusal: Rejection | undefined): void {
    const { overruled, toldUnderlay = [] } = this;
    const isDoubled = overruled && this.parts.nowMs() - overruled.atMs < 2 * OVERRULED_INTERVAL_MS;
    const notices = [
      ...(refusal ? [untoldNotice(refusal)] : []),
      ...(isDoubled ? [doubledNotice(overruled.by, toldUnderlay)] : []),
      ...ailmentNotices(this.found),
    ];
    const text = JSON.stringify(notices);
    if (text === this.noticed) return;
    this.noticed = text;
    const { log, notice } = this.parts;
    if (refusal) log.warn({ faults: refusal.faults }, 'cannot tell what this host is now');
    notice(notices);
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

/** What is left of its addresses; undefined where it is refused for something else. */
function withoutTaken(words: HostWords, { reason, faults }: Rejection): HostWords | undefined {
  if (reason !== 'conflict' || faults.some(({ field }) => field !== 'underlay')) return undefined;
  const left = words.underlay.filter((ip) => !faults.some(({ value }) => value === ip));
  const dev = (ip: Ip) => words.facts.underlayInterfaces[words.underlay.indexOf(ip)] ?? '';
  return { ...words, underlay: left, facts: { ...words.facts, underlayInterfaces: left.map(dev) } };
}

const passRefusal = (error: unknown): void => {
  if (!rejectionFromError(error)) throw error;
};

function untoldNotice({ faults }: Rejection): Notice {
  return {
    code: 'underlay-untold',
    title: 'Others do not know where this host’s tunnels end now',
    sentence: `They send to where its tunnels ended before, as ${listSome(faults.map(sayFault))}.`,
    next: `${faults[0]?.fix ?? 'see the agent’s log'}; this host looks again every two seconds.`,
  };
}

const addressText = (addresses: readonly Ip[]): string => [...addresses].sort().join();

const doubledNotice = (by: readonly Ip[], own: readonly Ip[]): Notice => ({
  code: 'host-doubled',
  title: 'Another agent speaks as this host',
  sentence: `It told the controller that this host is at ${listSome(by)}, not at ${listSome(own)}: this host's state was copied to that machine, and containers of one of the two are cut off.`,
  next: 'on the machine that is the copy, end the agent, remove /var/lib/weft/agent and start it under another name; `weft agent reset` there would take away what both have.',
});

function ailmentNotices(found: Underlay | undefined): Notice[] {
  if (!found?.ailment) return [];
  const { problem, fix } = found.ailment;
  return [
    {
      code: 'underlay-down',
      title: 'No frame passes by the underlay',
      sentence: `${found.interface}, where this host’s tunnels end, ${problem}: containers here do not reach those of other hosts.`,
      next: `${fix}.`,
    },
  ];
}
