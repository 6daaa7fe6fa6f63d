import type { Logger } from 'pino';
import type { HostDoor } from '#api/door.ts';
import { RUNTIME } from './driver-parts.ts';
import type { EngineApi } from './engine-api.ts';
import type { NetworkBook } from './network-book.ts';

/** An endpoint is made some time before Docker lists it: this long it must be missed. */
const MISSED_MS = 20_000;

/**
 * Detaches endpoints that Docker has forgotten: dockerd that was killed in the middle of a stop, or whose data is gone,
 * never says so. Only Docker's clear word counts, twice; whoever cannot be asked has forgotten nothing.
 */
export class EndpointSweep {
  private readonly door: HostDoor;
  private readonly book: NetworkBook;
  private readonly api: EngineApi;
  private readonly log: Logger;
  private readonly nowMs: () => number;
  /** Since when Docker does not list it. */
  private readonly missedSince = new Map<string, number>();

  constructor(
    { door, book, api }: { door: HostDoor; book: NetworkBook; api: EngineApi },
    log: Logger,
    nowMs: () => number,
  ) {
    this.door = door;
    this.book = book;
    this.api = api;
    this.log = log;
    this.nowMs = nowMs;
  }

  /** Rejects when Docker cannot be asked. */
  async pass(): Promise<void> {
    const attached = this.door.attached(RUNTIME);
    if (attached.length === 0) return this.missedSince.clear();
    const listed = await this.listed();
    for (const { handle } of attached) {
      if (listed.has(handle)) this.missedSince.delete(handle);
      else if (!this.missedSince.has(handle)) this.missedSince.set(handle, this.nowMs());
    }
    const handles = new Set(attached.map(({ handle }) => handle));
    for (const [handle, since] of this.missedSince) {
      if (!handles.has(handle)) this.missedSince.delete(handle);
      else if (this.nowMs() - since >= MISSED_MS) await this.detach(handle);
    }
  }

  /** Endpoints of all networks of Weft that Docker has. */
  private async listed(): Promise<Set<string>> {
    const listed = new Set<string>();
    for (const { dockerId } of this.book.all()) {
      const network = await this.api.network(dockerId);
      for (const { EndpointID } of Object.values(network?.Containers ?? {})) listed.add(EndpointID);
    }
    return listed;
  }

  private async detach(handle: string): Promise<void> {
    this.log.warn({ handle }, 'detaching an endpoint that Docker does not know any more');
    if (!(await this.door.detach(RUNTIME, handle))) this.missedSince.delete(handle);
  }
}
