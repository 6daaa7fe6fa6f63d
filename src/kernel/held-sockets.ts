import { close } from '#netlink/libc.ts';
import { takeDescriptors } from '#netlink/take-descriptor.ts';

/** A namespace's, by their descriptors. */
interface Pair {
  /** Of the namespace. */
  readonly cookie: string;
  readonly udp: number;
  readonly tcp: number;
}

/**
 * Sockets of another process that stay open here, so that what comes for them waits when it is killed, and is not
 * refused: for the next one to take. Like its own they keep the namespace: what it has closed is to be let go.
 */
export class HeldSockets {
  /** By whose they are and what it calls them. */
  private held = new Map<string, Pair>();

  /** By our descriptors. */
  get sockets(): Pair[] {
    return [...this.held.values()];
  }

  /** All that it has by now; what else is held is let go. What it has closed meanwhile is left out. */
  hold(pid: number, sockets: readonly Pair[]): void {
    const before = this.held;
    this.held = new Map();
    for (const theirs of sockets) {
      const { cookie, udp, tcp } = theirs;
      const key = `${pid} ${cookie} ${udp} ${tcp}`;
      const pair = before.get(key) ?? take(pid, theirs);
      before.delete(key);
      if (pair) this.held.set(key, pair);
    }
    for (const { udp, tcp } of before.values()) [udp, tcp].map(close);
  }

  letGo(): void {
    this.hold(0, []);
  }
}

function take(pid: number, theirs: Pair): Pair | undefined {
  const [udp, tcp] = takeDescriptors(pid, [theirs.udp, theirs.tcp]) ?? [];
  return udp === undefined || tcp === undefined ? undefined : { cookie: theirs.cookie, udp, tcp };
}
