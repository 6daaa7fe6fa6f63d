import type { NamespaceName } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { type RouteEvent, type Subscription, subscribe } from '#netlink/events.ts';
import { type FrameSocket, openFrameSocket } from '#netlink/frame-socket.ts';
import { RTM } from '#netlink/message.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { missedMacs, questionsNotFrom } from '#netlink/question-filter.ts';
import { decodeNeighbour } from '#netlink/route/neighbour.ts';
import { acceptNone } from '#netlink/socket-filter.ts';
import type { Miss } from './kernel.ts';

/** Misses that wait while nobody reads; a container asks again for one that was lost. */
const RECEIVE_BUFFER_BYTES = 64 << 10;
/** A filter has no room for more ports; the misses of further ones are not muted. */
const MOST_MUTED = 200;

/**
 * The misses of one namespace. What a container asks is heard at its own port, since the kernel's `l3miss` says neither
 * who asked nor where; for what `l2miss` says, a MAC, that does not matter.
 */
export class MissTap {
  readonly #questions: FrameSocket;
  readonly #macs: Subscription;
  #excluded: readonly number[];
  readonly #muted = new Map<number | undefined, NodeJS.Timeout>();

  /** Hears no questions by the `excluded` interfaces. `netnsFd` may be closed afterwards. */
  constructor(
    ns: NamespaceName,
    netnsFd: number,
    excluded: readonly number[],
    onMisses: (misses: readonly Miss[]) => void,
  ) {
    this.#excluded = excluded;
    this.#questions = openFrameSocket(netnsFd, questionsNotFrom(excluded), (frames) =>
      onMisses(frames.map(({ ifindex, bytes }) => ({ missed: 'question', ns, port: ifindex, frame: bytes }))),
    );
    const options = { groups: ['NEIGH'] as const, netnsFd, receiveBufferBytes: RECEIVE_BUFFER_BYTES };
    let macs: Subscription | undefined;
    try {
      macs = subscribe(options, (event) => {
        const mac = missedMac(event);
        if (mac) onMisses([{ missed: 'mac', ns, mac }]);
      });
      macs.filter(missedMacs);
    } catch (error) {
      this.#questions.close();
      macs?.close();
      throw error;
    }
    this.#macs = macs;
  }

  /** Hears none by these from now on, whatever else is muted. */
  exclude(interfaces: readonly number[]): void {
    if (interfaces.join() === this.#excluded.join()) return;
    this.#excluded = interfaces;
    this.#filterQuestions();
  }

  /** Hears nothing by a port for some time, or of no MACs without one. In the kernel: it costs nothing, however much comes. */
  mute(port: number | undefined, forMs: number): void {
    if (this.#muted.size >= MOST_MUTED) return;
    clearTimeout(this.#muted.get(port));
    this.#muted.set(port, setTimeout(() => this.#unmute(port), forMs).unref());
    this.#filter(port);
  }

  /** What a port that is gone, or down, does not take is lost. */
  send(port: number, frame: Uint8Array): void {
    try {
      this.#questions.send(port, frame);
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
    }
  }

  close(): void {
    for (const timer of this.#muted.values()) clearTimeout(timer);
    this.#questions.close();
    this.#macs.close();
  }

  #unmute(port: number | undefined): void {
    this.#muted.delete(port);
    this.#filter(port);
  }

  #filter(port: number | undefined): void {
    if (port === undefined) this.#macs.filter(this.#muted.has(port) ? acceptNone : missedMacs);
    else this.#filterQuestions();
  }

  #filterQuestions(): void {
    const muted = [...this.#muted.keys()].filter((port) => port !== undefined);
    this.#questions.filter(questionsNotFrom([...this.#excluded, ...muted]));
  }
}

/** Until the filter is in place others come too. */
function missedMac(event: RouteEvent): Mac | undefined {
  if (event.kind !== 'message' || event.message.type !== RTM.GETNEIGH) return undefined;
  return decodeNeighbour(event.message).mac as Mac | undefined;
}
