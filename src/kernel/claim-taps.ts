import { type FrameSocket, openFrameSocket } from '#netlink/frame-socket.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { addressWords } from '#netlink/question-filter.ts';
import { acceptNone } from '#netlink/socket-filter.ts';
import type { Claim } from './kernel.ts';

/** What is heard of one port within a window; of the rest nothing, which costs nothing. */
const MOST_FRAMES = 32;
const WINDOW_MS = 1_000;

/**
 * Hears ARP and neighbour discovery at the ports of adopted bridges: at the bridge itself answers from container to
 * container do not come by. A socket of each port's own sees no frame of the host's other traffic.
 */
export class ClaimTaps {
  readonly #onClaims: (claims: readonly Claim[]) => void;
  readonly #taps = new Map<number, Tap>();

  constructor(onClaims: (claims: readonly Claim[]) => void) {
    this.#onClaims = onClaims;
  }

  /** That interface is a port of an adopted bridge now, or of none. Idempotent. */
  know(port: number, bridge: string | undefined): void {
    const tap = this.#taps.get(port);
    if (tap?.bridge === bridge) return;
    tap?.close();
    this.#taps.delete(port);
    if (bridge === undefined) return;
    try {
      this.#taps.set(port, new Tap(port, bridge, this.#onClaims));
    } catch (error) {
      // It is gone again.
      if (!(error instanceof NetlinkError)) throw error;
    }
  }

  close(): void {
    for (const tap of this.#taps.values()) tap.close();
    this.#taps.clear();
  }
}

class Tap {
  readonly bridge: string;
  readonly #socket: FrameSocket;
  #left = MOST_FRAMES;
  #window: NodeJS.Timeout | undefined;

  constructor(port: number, bridge: string, onClaims: (claims: readonly Claim[]) => void) {
    this.bridge = bridge;
    const hear = (frames: readonly { readonly bytes: Uint8Array }[]) => {
      const heard = frames.slice(0, this.#left);
      this.#count(frames.length);
      if (heard.length > 0) onClaims(heard.map(({ bytes }) => ({ bridge, frame: bytes })));
    };
    this.#socket = openFrameSocket(undefined, addressWords, hear, port);
  }

  close(): void {
    clearTimeout(this.#window);
    this.#socket.close();
  }

  #count(frames: number): void {
    if (this.#left > 0 && frames >= this.#left) this.#socket.filter(acceptNone);
    this.#left = Math.max(0, this.#left - frames);
    this.#window ??= setTimeout(() => this.#reopen(), WINDOW_MS).unref();
  }

  #reopen(): void {
    this.#window = undefined;
    if (this.#left === 0) this.#socket.filter(addressWords);
    this.#left = MOST_FRAMES;
  }
}
