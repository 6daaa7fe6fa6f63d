import { statSync } from 'node:fs';
import type { Sandbox, Sockets, Trouble } from '#api/names-feed.ts';
import type { Asker } from '#dns/resolve.ts';
import type { Id } from '#model/id.ts';
import { close } from '#netlink/libc.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { type OpenNamespace, openNamespace } from '#netlink/open-namespace.ts';
import { SandboxService } from './sandbox-service.ts';

/** How long a namespace whose path is gone is held, and how soon what failed is tried again. */
const LOOK_INTERVAL_MS = 500;
/** While a runtime makes the namespace, whose container may ask as its first act; and for how long it may take. */
const AWAIT_INTERVAL_MS = 3;
const AWAIT_MS = 3_000;

interface Place {
  sandbox: Sandbox;
  readonly sinceMs: number;
  served?: Served;
  /** Why it is not. */
  trouble?: string;
}

interface Served {
  readonly service: SandboxService;
  readonly namespace: Omit<OpenNamespace, 'fd'>;
}

/** The namespaces that are served: as they are wished, as long as they are there. */
export class Sandboxes {
  private readonly asker: (networks: readonly Id[]) => Asker;
  private readonly onTroubles: (troubles: readonly Trouble[]) => void;
  private readonly onLooked: () => void;
  /** Of a namespace, by its cookie: what served it before us. */
  private readonly socketsFor: (cookie: string) => Sockets | undefined;
  /** By path. */
  private readonly places = new Map<string, Place>();
  private readonly timer: NodeJS.Timeout;
  private awaiting: NodeJS.Timeout | undefined;
  private working: Promise<void> = Promise.resolve();
  private told = '[]';

  constructor(
    asker: (networks: readonly Id[]) => Asker,
    onTroubles: (troubles: readonly Trouble[]) => void,
    onLooked: () => void,
    socketsFor: (cookie: string) => Sockets | undefined,
  ) {
    this.asker = asker;
    this.onTroubles = onTroubles;
    this.onLooked = onLooked;
    this.socketsFor = socketsFor;
    this.timer = setInterval(() => this.look(), LOOK_INTERVAL_MS);
  }

  get size(): number {
    return this.places.size;
  }

  /** Of all that are served. */
  sockets(): (Sockets & { readonly cookie: string })[] {
    return this.served().map(({ service, namespace: { cookie } }) => ({ ...service.sockets, cookie }));
  }

  cookies(): string[] {
    return this.served().map(({ namespace }) => namespace.cookie);
  }

  private served(): Served[] {
    return [...this.places.values()].flatMap(({ served }) => served ?? []);
  }

  /** All that there are to be. Resolves when those of them that are there are served. */
  async set(sandboxes: readonly Sandbox[]): Promise<void> {
    const wanted = new Map(sandboxes.map((sandbox) => [sandbox.path, sandbox]));
    for (const [path, place] of this.places) {
      const sandbox = wanted.get(path);
      if (!sandbox || isAnother(place, sandbox)) this.drop(place);
    }
    for (const sandbox of sandboxes) {
      const place = this.places.get(sandbox.path);
      if (place) place.sandbox = sandbox;
      else this.places.set(sandbox.path, { sandbox, sinceMs: performance.now() });
    }
    this.look('new');
    await this.working;
  }

  /** What the troubles are, to who has not heard. */
  troubles(): readonly Trouble[] {
    return [...this.places.values()].flatMap(({ sandbox: { path }, trouble }) =>
      trouble === undefined ? [] : { path, text: trouble },
    );
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    clearTimeout(this.awaiting);
    await this.working;
    for (const place of this.places.values()) shut(place);
    this.places.clear();
  }

  /** Another serves these now; the others are nobody's. */
  async handOver(taken: readonly string[]): Promise<void> {
    const isTaken = ({ served }: Place) => served && taken.includes(served.namespace.cookie);
    const handed = [...this.places.values()].filter(isTaken);
    for (const { sandbox } of handed) this.places.delete(sandbox.path);
    await Promise.all(handed.map(({ served }) => served!.service.handOver()));
    await this.close();
  }

  private drop(place: Place): void {
    shut(place);
    this.places.delete(place.sandbox.path);
  }

  /** One after the other: what is asked meanwhile is answered between them. */
  private look(at: 'all' | 'new' = 'all'): void {
    this.working = this.working.then(async () => {
      for (const place of [...this.places.values()]) {
        const { path, cookie } = place.sandbox;
        if (!place.served) await this.open(place);
        // One that was meant by its cookie is still the one that was found.
        else if ((at === 'all' || !cookie) && !isThere(path, place.served.namespace)) this.drop(place);
      }
      this.tellTroubles();
      this.onLooked();
      this.lookAgainSoon();
    });
  }

  private async open(place: Place): Promise<void> {
    const { path, cookie } = place.sandbox;
    const opened = tryOpen(place);
    if (opened === undefined) return;
    if (typeof opened === 'string') {
      // Whoever tells of it anew means another: cookies are never given twice.
      if (cookie !== undefined) this.drop(place);
      return;
    }
    const { fd, ...namespace } = opened;
    if (isAnother(place, { cookie: namespace.cookie }) || this.isServed(namespace.cookie))
      return void close(fd);
    try {
      const sockets = this.socketsFor(namespace.cookie);
      const service = await SandboxService.open(fd, () => this.asker(place.sandbox.networks), sockets);
      place.served = { service, namespace };
      place.trouble = undefined;
      if (this.places.get(path) !== place) shut(place);
    } catch (error) {
      close(fd);
      place.trouble = (error as Error).message;
    }
  }

  /** By another path. */
  private isServed(cookie: string): boolean {
    return [...this.places.values()].some(({ served }) => served?.namespace.cookie === cookie);
  }

  private lookAgainSoon(): void {
    const nowMs = performance.now();
    const isAwaited = ({ served, sinceMs }: Place) => !served && nowMs - sinceMs < AWAIT_MS;
    if (this.awaiting || ![...this.places.values()].some(isAwaited)) return;
    this.awaiting = setTimeout(() => {
      this.awaiting = undefined;
      this.look('new');
    }, AWAIT_INTERVAL_MS);
  }

  private tellTroubles(): void {
    const troubles = this.troubles();
    const text = JSON.stringify(troubles);
    if (text === this.told) return;
    this.told = text;
    this.onTroubles(troubles);
  }
}

/** Undefined when it cannot be told what is there, as with too few open files: tried again with the next look. */
function tryOpen(place: Place): ReturnType<typeof openNamespace> | undefined {
  try {
    return openNamespace(place.sandbox.path);
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    place.trouble = error.message;
    return undefined;
  }
}

/** Whether it is not the namespace that was meant, as far as that is known. */
const isAnother = ({ sandbox, served }: Place, { cookie }: Pick<Sandbox, 'cookie'>): boolean => {
  const known = served?.namespace.cookie ?? sandbox.cookie;
  return known !== undefined && cookie !== undefined && known !== cookie;
};

function isThere(path: string, { dev, inode }: Omit<OpenNamespace, 'fd'>): boolean {
  const seen = statSync(path, { throwIfNoEntry: false });
  return seen?.ino === inode && seen.dev === dev;
}

function shut(place: Place): void {
  try {
    place.served?.service.close('remove');
  } catch (error) {
    // A namespace that is going: its rules go with it.
    if (!(error instanceof NetlinkError)) throw error;
  }
  place.served = undefined;
}
