import type { HostWords } from '#agent/uplink.ts';
import { FakeKernel } from '#kernel/fake-kernel.ts';
import type { Kernel } from '#kernel/kernel.ts';
import { createId, type Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import type { KernelKind } from '#model/kernel-state.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { hostTag } from '#model/own.ts';
import { AgentProcess } from './agent-process.ts';
import { Clock } from './clock.ts';
import { Disk } from './disk.ts';
import { KnownRows } from './known-rows.ts';
import { checkAnswer } from './questions.ts';
import type { Random } from './random.ts';
import type { ResolverProcess } from './resolver-process.ts';
import { plantStrangers } from './strangers.ts';
import { Wire } from './wire.ts';
import type { World } from './world.ts';

const ERRNOS = ['ENOMEM', 'EBUSY', 'EINVAL'] as const;

/** One host: its kernel, its disk, its wire, its containers, and the agent that comes and goes. */
export class Machine {
  readonly name: string;
  readonly id: Id;
  readonly disk: Disk;
  readonly wire: Wire;
  readonly clock: Clock;
  /** What its views ever said about where frames go. */
  readonly rows: KnownRows;
  kernel = new FakeKernel();
  agent: AgentProcess | undefined;
  underlay: string;
  resolver: ResolverProcess | undefined;
  readonly resolverRandom: Random;
  /** By path. */
  readonly containers = new Map<string, NamespaceRef>();
  /** Ops of this kind are refused so many times. */
  refusals: { kind: KernelKind; errno: string; times: number } | undefined;
  /** So many looks are interrupted. */
  badLooks = 0;
  /** Happens between two ops of the next list. */
  amid: (() => void) | undefined;
  /** The highest revision that its agents said they had applied. */
  applied = 0;
  /** Kernel ops of the agent so far. */
  writes = 0;
  #boots = 0;
  #opsUntilAmid = 0;
  readonly #world: World;
  readonly #random: Random;

  constructor(world: World, index: number) {
    this.#world = world;
    this.#random = world.random.fork(`machine ${index}`);
    this.resolverRandom = world.random.fork(`resolver ${index}`);
    this.name = `h${index}`;
    this.id = createId(1_000 + index, () => new TextEncoder().encode(`machine-0${index}`));
    this.underlay = `192.0.2.${10 + index}`;
    this.disk = new Disk(world.cores, world.timeline, this.#random);
    this.wire = new Wire(world, this.name);
    this.clock = new Clock(world.timeline);
    this.rows = new KnownRows(this.id);
  }

  get tag(): string {
    return hostTag(this.id);
  }

  get bootId(): string {
    return `boot-${this.#boots}`;
  }

  /** What it registers with. */
  get words(): HostWords {
    const facts = { underlayMtu: 1500, takenPorts: [], routes: [], underlayInterfaces: ['eth0'] };
    return { name: this.name, underlay: [this.underlay as Ip], labels: {}, facts };
  }

  async boot(): Promise<void> {
    this.#boots++;
    this.kernel = new FakeKernel();
    this.kernel.onFrame = ({ ns }, frame) => checkAnswer(this.#world, this, ns, frame);
    if (this.#world.timeline.nowMs < this.#world.calmAtMs) this.kernel.idle = () => this.#random.chance(0.3);
    this.refusals = undefined;
    for (const errno of ERRNOS) this.#listenAtEachOp(errno);
    await plantStrangers(this.kernel);
    this.#world.bridges.plant(this);
    this.startAgent();
  }

  startAgent(): void {
    if (this.agent) return;
    this.#world.note(this.name, () => `agent starts, ${this.bootId}`);
    this.agent = new AgentProcess(this.#world, this);
  }

  crashAgent(where: string): void {
    if (!this.agent) return;
    this.#world.note(this.name, () => `agent is killed ${where}`);
    this.agent.kill();
    this.agent = undefined;
    const bootId = this.bootId;
    this.#world.timeline.after(this.#random.between(50, 3_000), () => {
      if (bootId === this.bootId) this.startAgent();
    });
  }

  /** Everything that was in the kernel is gone; paths, inodes and cookies will be used again. */
  reboot(): void {
    const { timeline, note, count } = this.#world;
    note(this.name, () => 'reboots');
    count('reboot');
    this.disk.losePower();
    this.agent?.kill();
    this.agent = undefined;
    this.resolver = undefined;
    this.containers.clear();
    this.#boots++;
    const boots = this.#boots;
    this.kernel = new FakeKernel();
    timeline.after(this.#random.between(500, 4_000), () => {
      if (boots === this.#boots) return this.boot();
    });
  }

  /** The container at that path, started if there is none. */
  startContainer(path: string): NamespaceRef {
    const there = this.containers.get(path);
    if (there) return there;
    const ref = this.kernel.createContainerNamespace(path);
    this.kernel.addForeignInterface(path, 'stranger0');
    this.containers.set(path, ref);
    return ref;
  }

  endContainer(path: string): void {
    if (this.containers.delete(path)) this.kernel.removeContainerNamespace(path);
  }

  async apply(ops: readonly KernelOp[], scope: Parameters<Kernel['apply']>[1]) {
    this.writes += ops.length;
    this.#opsUntilAmid = this.#random.below(ops.length);
    return this.kernel.apply(ops, scope);
  }

  failsToLook(): boolean {
    if (this.badLooks === 0) return false;
    this.badLooks--;
    this.#world.count('interrupted look');
    return true;
  }

  /** A standing order to the fake kernel, renewed each time that it has been carried out. */
  #listenAtEachOp(errno: string): void {
    const { kernel } = this;
    const isFirst = errno === ERRNOS[0];
    kernel.failNext(({ object, verb }) => {
      if (isFirst && this.amid && this.#opsUntilAmid-- <= 0) this.#happenAmid();
      const refusal = this.refusals;
      if (!refusal || refusal.errno !== errno || refusal.kind !== object.kind || verb === 'delete')
        return false;
      this.#world.count('refused op');
      if (--refusal.times === 0) this.refusals = undefined;
      this.#listenAtEachOp(errno);
      return true;
    }, errno);
  }

  #happenAmid(): void {
    const happen = this.amid!;
    this.amid = undefined;
    this.#world.count('amid apply');
    happen();
  }
}
