import { statSync } from 'node:fs';
import type { Sandbox, Trouble } from '#api/names-feed.ts';
import type { Asker } from '#dns/resolve.ts';
import type { Id } from '#model/id.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { close } from '#netlink/libc.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { openNamespace } from '#netlink/open-namespace.ts';
import { SandboxService } from './sandbox-service.ts';

/** How long a namespace whose path is gone is held, and how soon what failed is tried again. */
const LOOK_INTERVAL_MS = 500;

interface Place {
  readonly namespace: NamespaceRef;
  networks: readonly Id[];
  service?: SandboxService;
  /** Why there is none. */
  trouble?: string;
}

/** The namespaces that are served: as they are wished, as long as they are there. */
export class Sandboxes {
  private readonly asker: (networks: readonly Id[]) => Asker;
  private readonly onTroubles: (troubles: readonly Trouble[]) => void;
  private readonly places = new Map<string, Place>();
  private readonly timer: NodeJS.Timeout;
  private working: Promise<void> = Promise.resolve();
  private told = '[]';

  constructor(asker: (networks: readonly Id[]) => Asker, onTroubles: (troubles: readonly Trouble[]) => void) {
    this.asker = asker;
    this.onTroubles = onTroubles;
    this.timer = setInterval(() => void this.look(), LOOK_INTERVAL_MS);
  }

  get size(): number {
    return this.places.size;
  }

  /** All that there are to be. Resolves when they are. */
  set(sandboxes: readonly Sandbox[]): Promise<void> {
    const wanted = new Map(sandboxes.map((sandbox) => [sandbox.namespace.cookie, sandbox]));
    for (const [cookie, place] of this.places) if (!wanted.has(cookie)) this.drop(cookie, place);
    for (const [cookie, { namespace, networks }] of wanted) {
      const place = this.places.get(cookie);
      if (place) place.networks = networks;
      else this.places.set(cookie, { namespace, networks });
    }
    return this.look();
  }

  /** What the troubles are, to who has not heard. */
  troubles(): readonly Trouble[] {
    return [...this.places.values()].flatMap(({ namespace: { path }, trouble }) =>
      trouble === undefined ? [] : { path, text: trouble },
    );
  }

  async close(rules: 'remove' | 'leave'): Promise<void> {
    clearInterval(this.timer);
    await this.working;
    for (const place of this.places.values()) shut(place, rules);
    this.places.clear();
  }

  private drop(cookie: string, place: Place): void {
    shut(place, 'remove');
    this.places.delete(cookie);
  }

  /** One after the other: what is asked meanwhile is answered between them. */
  private look(): Promise<void> {
    this.working = this.working.then(async () => {
      for (const [cookie, place] of [...this.places]) {
        // Whoever tells of it anew means another: cookies are never given twice.
        if (place.service && !isThere(place.namespace)) this.drop(cookie, place);
        else if (!place.service) await this.open(cookie, place);
      }
      this.tellTroubles();
    });
    return this.working;
  }

  private async open(cookie: string, place: Place): Promise<void> {
    const opened = openNamespace(place.namespace.path);
    if (typeof opened === 'string' || opened.cookie !== place.namespace.cookie) {
      if (typeof opened !== 'string') close(opened.fd);
      this.places.delete(cookie);
      return;
    }
    try {
      const service = await SandboxService.open(opened.fd, () => this.asker(place.networks));
      place.service = service;
      place.trouble = undefined;
      if (this.places.get(cookie) !== place) shut(place, 'remove');
    } catch (error) {
      close(opened.fd);
      place.trouble = (error as Error).message;
    }
  }

  private tellTroubles(): void {
    const troubles = this.troubles();
    const text = JSON.stringify(troubles);
    if (text === this.told) return;
    this.told = text;
    this.onTroubles(troubles);
  }
}

function isThere({ path, dev, inode }: NamespaceRef): boolean {
  const seen = statSync(path, { throwIfNoEntry: false });
  return seen?.ino === inode && seen.dev === dev;
}

function shut(place: Place, rules: 'remove' | 'leave'): void {
  try {
    place.service?.close(rules);
  } catch (error) {
    // A namespace that is going: its rules go with it.
    if (!(error instanceof NetlinkError)) throw error;
  }
  place.service = undefined;
}
