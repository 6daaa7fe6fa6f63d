import { CALL_LIMIT_MS } from '#agent/uplink.ts';
import type { FollowMessage } from '#api/follow-message.ts';
import type { Wish } from '#model/wish.ts';
import type { Reply } from './controller-process.ts';
import type { World } from './world.ts';

interface Call {
  /** Undefined: the controller cannot be reached. */
  readonly reply: (answer: Parameters<Reply>[0] | undefined) => void;
  isLost: boolean;
}

interface Stream {
  readonly ended: () => void;
  isOpen: boolean;
  isLost: boolean;
  lastMs: number;
  /** What is on its way, in order. */
  readonly queue: (() => void)[];
  endAtController: () => void;
}

/** How soon a controller notices that a connection is no more. */
const NOTICE_LIMIT_MS = 20_000;

/**
 * What is between one agent and the controller. Calls overtake each other; of one stream the order holds. What is on
 * the way when a connection breaks is lost, or arrives late: the answer never does.
 */
export class Wire {
  /** Added to every message's way. */
  slowMs = 0;
  #cutUntilMs = 0;
  #stalledUntilMs = 0;
  #epoch = 0;
  readonly #calls = new Set<Call>();
  readonly #streams = new Set<Stream>();
  readonly #world: World;
  readonly #host: string;

  constructor(world: World, host: string) {
    this.#world = world;
    this.#host = host;
  }

  call(wish: Wish, reply: Call['reply']): void {
    const call: Call = { reply, isLost: false };
    this.#world.note(this.#host, () => `asks the controller to ${describe(wish)}`);
    this.#calls.add(call);
    if (this.#isCut) {
      this.#later(() => this.#end(call, undefined));
      return;
    }
    const epoch = this.#epoch;
    this.#later(() => {
      if (epoch !== this.#epoch) return this.#arriveLate(wish);
      const { controller } = this.#world;
      if (!controller.state) return this.#end(call, undefined);
      controller.ask(this.#principal, wish, (answer) =>
        this.#later(() => {
          if (epoch === this.#epoch && !call.isLost) this.#end(call, answer);
        }),
      );
    });
    this.#world.timeline.after(CALL_LIMIT_MS, () => this.#end(call, undefined));
  }

  /** Says something without waiting for an answer. */
  tell(say: () => void): void {
    const epoch = this.#epoch;
    if (!this.#isCut) this.#later(() => epoch === this.#epoch && say());
  }

  /** Returns the agent's way to end it. */
  follow(hear: (message: FollowMessage) => void, ended: () => void): () => void {
    const stream: Stream = {
      ended,
      isOpen: true,
      isLost: false,
      lastMs: 0,
      queue: [],
      endAtController: () => {},
    };
    this.#streams.add(stream);
    const epoch = this.#epoch;
    this.#later(() => {
      const { controller } = this.#world;
      if (!stream.isOpen) return;
      if (this.#isCut || epoch !== this.#epoch || !controller.state) return this.#close(stream);
      stream.endAtController = controller.follow(this.#principal, this.#host, {
        send: (message) => this.#inOrder(stream, () => hear(message)),
        end: () => this.#inOrder(stream, () => this.#close(stream)),
      });
    });
    return () => {
      if (stream.isOpen) this.#close(stream);
    };
  }

  /** Nothing passes, and both ends know it: at once here, in a while there. */
  cut(forMs: number): void {
    this.#cutUntilMs = Math.max(this.#cutUntilMs, this.#world.timeline.nowMs + forMs);
    this.breakOff();
  }

  heal(): void {
    this.#cutUntilMs = 0;
    this.slowMs = 0;
    this.#stalledUntilMs = 0;
  }

  /** Nothing passes for a while, and nobody is told. */
  stall(forMs: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#world.timeline.nowMs + forMs);
  }

  /** What is connected now will never hear again, and is not told; new connections are fine. */
  loseConnections(): void {
    for (const call of this.#calls) call.isLost = true;
    for (const stream of this.#streams) stream.isLost = true;
  }

  /** The controller was killed, or the wire cut: all that is connected ends. */
  breakOff(): void {
    this.#epoch++;
    for (const call of [...this.#calls])
      this.#world.timeline.after(this.#latency(), () => this.#end(call, undefined));
    for (const stream of [...this.#streams]) this.#close(stream);
  }

  /** The agent was killed: nobody here waits any more. */
  abandon(): void {
    this.#epoch++;
    this.#calls.clear();
    for (const stream of [...this.#streams]) this.#release(stream);
  }

  get #isCut(): boolean {
    return this.#world.timeline.nowMs < this.#cutUntilMs;
  }

  get #principal() {
    return { role: 'host', name: this.#host } as const;
  }

  #end(call: Call, answer: Parameters<Call['reply']>[0]): void {
    if (this.#calls.delete(call)) call.reply(answer);
  }

  #close(stream: Stream): void {
    this.#release(stream);
    this.#world.timeline.after(0, stream.ended);
  }

  #release(stream: Stream): void {
    const { timeline, random, calmAtMs } = this.#world;
    stream.isOpen = false;
    this.#streams.delete(stream);
    const noticed = timeline.nowMs + random.between(0, random.chance(0.8) ? 50 : NOTICE_LIMIT_MS);
    timeline.at(Math.min(noticed, Math.max(calmAtMs, timeline.nowMs)), () => stream.endAtController());
  }

  /** It was in the controller's buffers when the connection broke. */
  #arriveLate(wish: Wish): void {
    const { timeline, random, controller, calmAtMs, count } = this.#world;
    if (random.chance(0.6)) return;
    const atMs = timeline.nowMs + random.between(0, random.chance(0.8) ? 500 : 30_000);
    timeline.at(Math.min(atMs, Math.max(calmAtMs, timeline.nowMs)), () => {
      if (!controller.state) return;
      count('late request');
      controller.ask(this.#principal, wish, () => {});
    });
  }

  #latency(): number {
    const { random } = this.#world;
    return this.slowMs + random.between(0.1, random.chance(0.1) ? 40 : 2);
  }

  #later(run: () => void): void {
    const { timeline } = this.#world;
    timeline.after(this.#latency(), () => {
      if (timeline.nowMs < this.#stalledUntilMs) timeline.at(this.#stalledUntilMs + this.#latency(), run);
      else run();
    });
  }

  #inOrder(stream: Stream, run: () => void): void {
    const { timeline } = this.#world;
    stream.queue.push(run);
    stream.lastMs = Math.max(stream.lastMs, timeline.nowMs + this.#latency());
    const deliver = () => {
      if (timeline.nowMs < this.#stalledUntilMs) {
        timeline.at(this.#stalledUntilMs, deliver);
        return;
      }
      const next = stream.queue.shift();
      if (stream.isOpen && !stream.isLost) next?.();
    };
    timeline.at(stream.lastMs, deliver);
  }
}

const describe = (wish: Wish): string => {
  if (wish.wish === 'publish-endpoint') return `publish ${wish.endpoint.id}`;
  return `${wish.wish} ${'endpoint' in wish ? wish.endpoint : ''}`;
};
