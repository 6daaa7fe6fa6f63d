import * as z from 'zod';
import type { DoorNotes } from '#api/door.ts';
import { type Cidr, parseCidr } from '#model/cidr.ts';
import { type Id, isId } from '#model/id.ts';

/** A network of this host's Docker whose driver is Weft, as it is kept in the agent's journal. */
export interface DockerNetwork {
  readonly dockerId: string;
  /** In Weft; unknown until Docker has told its name, which it does not when it has it made. */
  readonly network?: Id;
  /** Its pools, IPv4 first. */
  readonly subnets: readonly Cidr[];
  /** Those of them that nobody asked for: where the network has another of the family, addresses are of that. */
  readonly chosen?: readonly Cidr[];
  /** Made with {@link NETWORK_OPTION} for both drivers: its pools name the network. No two others share a subnet. */
  readonly named: boolean;
  /** What it was asked to be, in the words of CreateNetwork. */
  readonly words: z.output<typeof wordsSchema>;
  /** The engine that was seen to have it, by the id of its network `host`: another one never had it. */
  readonly engine?: string;
}

const cidr = z.string().transform((text, context): Cidr => {
  const result = parseCidr(text);
  if (result.ok) return result.value;
  context.addIssue({ code: 'custom', message: result.problem });
  return z.NEVER;
});
const id = z
  .string()
  .refine(isId)
  .transform((text) => text as Id);
const text = z.string().optional();
const number = z.number().optional();

const wordsSchema = z.strictObject({
  gateways: z.array(z.string()),
  mode: text,
  vni: number,
  port: number,
  mtu: number,
  ttl: number,
  group: text,
  underlay: text,
  gateway: text,
  internal: z.boolean().optional(),
  allowOverlap: z.boolean().optional(),
});

const networkSchema = z.object({
  dockerId: z.string(),
  network: id.optional(),
  subnets: z.array(cidr),
  chosen: z.array(cidr).optional(),
  named: z.boolean(),
  words: wordsSchema,
  engine: text,
});

const NETWORK = 'docker-network/';
const DECLINED = 'docker-declined/';
/**
 * Which network of Docker is which of Weft: dockerd tells a plugin only once, when it is made, and never again. What
 * a user removed from this host's Docker is remembered too, and not made there again.
 */
export class NetworkBook {
  private readonly notes: DoorNotes;
  private readonly networks = new Map<string, DockerNetwork>();
  /** Of which the disk is being told that they are no more. */
  private readonly leaving = new Set<string>();
  /** With the id that its copy had in Docker. */
  private readonly declinedIds = new Map<Id, string>();
  private pruned: ReadonlySet<string> = new Set();
  /** Copies that were found gone: nobody was there to be told of it. In memory. */
  private readonly missed = new Set<string>();
  /** Names of networks that are being made, in Weft first and then in Docker. In memory. */
  readonly expected = new Set<string>();
  private waiting: (() => void)[] = [];

  /** Notes that cannot be read are as good as lost: what they said is asked of Docker again. */
  constructor(notes: DoorNotes) {
    this.notes = notes;
    for (const [key, note] of notes.all()) {
      const read = key.startsWith(NETWORK) ? networkSchema.safeParse(note) : undefined;
      if (read?.success) this.networks.set(read.data.dockerId, read.data);
      const declined = key.startsWith(DECLINED) ? key.slice(DECLINED.length) : '';
      if (isId(declined)) this.declinedIds.set(declined, typeof note === 'string' ? note : '');
    }
  }

  all(): readonly DockerNetwork[] {
    return [...this.networks.values()];
  }

  get(dockerId: string): DockerNetwork | undefined {
    return this.networks.get(dockerId);
  }

  /** The copy of a network of Weft. */
  copyOf(network: Id): DockerNetwork | undefined {
    return this.all().find((each) => each.network === network);
  }

  /** Whose pool that is which names no network. */
  unnamedWith(subnet: Cidr): DockerNetwork | undefined {
    return this.all().find(({ named, subnets }) => !named && subnets.includes(subnet));
  }

  /** A new one. Like all that follow, it is true once it is on disk. Throws StoreError. */
  async add(network: DockerNetwork): Promise<void> {
    await this.notes.put(NETWORK + network.dockerId, network);
    this.networks.set(network.dockerId, network);
    this.wake();
  }

  /** Of one that was removed meanwhile, nothing: false, also when that has only begun. */
  async update(dockerId: string, news: Partial<Pick<DockerNetwork, 'network' | 'engine'>>): Promise<boolean> {
    if (!this.isKept(dockerId)) return false;
    await this.add({ ...this.networks.get(dockerId)!, ...news });
    return this.isKept(dockerId);
  }

  isKept(dockerId: string): boolean {
    return this.networks.has(dockerId) && !this.leaving.has(dockerId);
  }

  async forget(dockerId: string): Promise<void> {
    if (!this.networks.has(dockerId)) return;
    this.leaving.add(dockerId);
    try {
      await this.notes.put(NETWORK + dockerId, undefined);
      this.networks.delete(dockerId);
    } finally {
      this.leaving.delete(dockerId);
    }
    this.wake();
  }

  isDeclined(network: Id): boolean {
    return this.declinedIds.has(network);
  }

  declined(): readonly Id[] {
    return [...this.declinedIds.keys()];
  }

  /** That copy of it was removed. */
  async decline(network: Id, dockerId: string): Promise<void> {
    if (this.declinedIds.get(network) === dockerId || this.pruned.has(dockerId)) return;
    this.declinedIds.set(network, dockerId);
    await this.notes.put(DECLINED + network, dockerId);
  }

  /** A copy went with nobody there to be told, if it is gone: that of others is, and they are forgotten. */
  isMissed(dockerId: string): boolean {
    return this.missed.has(dockerId) || this.networks.has(dockerId);
  }

  /** That copy is gone, and Docker did not say so. With the network that its removal is a word about. */
  async miss(dockerId: string, network: Id | undefined): Promise<void> {
    this.missed.add(dockerId);
    if (network) await this.decline(network, dockerId);
    await this.forget(dockerId);
  }

  /**
   * Docker says only afterwards that it pruned, perhaps to an agent that was not there: whichever of these copies went,
   * or is yet to be found gone, it was nobody's word about that network.
   */
  async acceptPruned(dockerIds: ReadonlySet<string>): Promise<void> {
    this.pruned = dockerIds;
    for (const [network, dockerId] of [...this.declinedIds])
      if (dockerIds.has(dockerId)) await this.accept(network);
  }

  async accept(network: Id): Promise<void> {
    if (this.declinedIds.delete(network)) await this.notes.put(DECLINED + network, undefined);
  }

  /** What `find` gives as soon as it gives something; undefined when the signal ends the wait. */
  async wait<T>(find: () => T | undefined, signal: AbortSignal): Promise<T | undefined> {
    for (;;) {
      const found = find();
      if (found !== undefined || signal.aborted) return found;
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  /** Who waits looks again. */
  wake(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}
