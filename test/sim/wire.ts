import type { Answer, Carrier } from './ends.ts';
import type { World } from './world.ts';

interface Call {
  /** Undefined: the controller cannot be reached. */
  readonly reply: (answer: Answer | undefined) => void;
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
export class Wire implements Carrier {
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

  call(method: string, request: Uint8Array, reply: Call['reply'], limitMs?: number): () => void {
    const call: Call = { reply, isLost: false };
    this.#world.note(this.#host, () => `asks the controller: ${method}`);
    this.#calls.add(call);
    const giveUp = () => void this.#calls.delete(call);
    if (this.#isCut) {
      this.#later(() => this.#end(call, undefined));
      return giveUp;
    }
    const epoch = this.#epoch;
    this.#later(() => {
      if (epoch !== this.#epoch) return this.#arriveLate(method, request);
      const { controller } = this.#world;
      if (!controller.state) return this.#end(call, undefined);
      controller.answer(this.#principal, method, request, (answer) =>
        this.#later(() => {
          if (epoch === this.#epoch && !call.isLost) this.#end(call, answer);
        }),
      );
    });
    if (limitMs !== undefined) this.#world.timeline.after(limitMs, () => this.#end(call, undefined));
    return giveUp;
  }

  follow(request: Uint8Array, hear: (message: Uint8Array) => void, ended: () => void): () => void {
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
      stream.endAtController = controller.follow(this.#principal, request, {
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

  #end(call: Call, answer: Answer | undefined): void {
    if (!this.#calls.delete(call)) return;
    call.reply(answer);
    this.#world.timeline.awaitPromises();
  }

  #close(stream: Stream): void {
    this.#release(stream);
    this.#world.timeline.after(0, () => {
      stream.ended();
      this.#world.timeline.awaitPromises();
    });
  }

  #release(stream: Stream): void {
    const { timeline, random, calmAtMs } = this.#world;
    stream.isOpen = false;
    this.#streams.delete(stream);
    const noticed = timeline.nowMs + random.between(0, random.chance(0.8) ? 50 : NOTICE_LIMIT_MS);
    timeline.at(Math.min(noticed, Math.max(calmAtMs, timeline.nowMs)), () => stream.endAtController());
  }

  /** It was in the controller's buffers when the connection broke. */
  #arriveLate(method: string, request: Uint8Array): void {
    const { timeline, random, controller, calmAtMs, count, store } = this.#world;
    if (random.chance(0.6)) return;
    const { restores } = store;
    const atMs = timeline.nowMs + random.between(0, random.chance(0.8) ? 500 : 30_000);
    timeline.at(Math.min(atMs, Math.max(calmAtMs, timeline.nowMs)), () => {
      if (!controller.state || restores !== store.restores) return;
      count('late request');
      controller.answer(this.#principal, method, request, () => {});
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
      timeline.awaitPromises();
    };
    timeline.at(stream.lastMs, deliver);
  }
}
