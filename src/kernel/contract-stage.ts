import { expect } from 'vitest';
import type { Ip } from '#model/ip.ts';
import type { KernelOp, OpResult } from '#model/kernel-op.ts';
import { type KernelObject, kernelKey } from '#model/kernel-state.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import type { PermitFamily } from '#model/permit.ts';
import { type ExampleNetwork, exampleNetwork } from './example-network.ts';
import type { Firewall } from './fake-forwarding.ts';
import type { Kernel, Observed, Scope } from './kernel.ts';

/** A host on which a kernel is tried out. */
export interface KernelWorld {
  readonly kernel: Kernel;
  readonly hostTag: string;
  /** An address of the host, for VXLAN devices. */
  readonly underlay: Ip;
  createContainer(): NamespaceRef;
  /** The container ends. What the kernel does thereupon is done when this returns. */
  removeContainer(container: NamespaceRef): Promise<void>;
  /** Another program gives a container an interface that is none of ours. */
  addForeignInterface(container: NamespaceRef, name: string): void;
  /** Another program makes this of iptables' FORWARD. */
  setFirewall(family: PermitFamily, firewall: Firewall): void;
  close(): Promise<void>;
}

/** A world with one container and a network to be built; what the parts of the contract play on. */
export class Stage {
  readonly world: KernelWorld;
  readonly container: NamespaceRef;
  readonly net: ExampleNetwork;
  readonly scope: Scope;

  constructor(world: KernelWorld) {
    this.world = world;
    this.container = world.createContainer();
    this.net = exampleNetwork(world.hostTag, world.underlay, this.container);
    this.scope = {
      hostTag: world.hostTag,
      containers: [{ namespace: this.container, interfaces: ['eth0'] }],
    };
  }

  observe(): Promise<Observed> {
    return this.world.kernel.observe(this.scope);
  }

  apply(...ops: KernelOp[]): Promise<OpResult[]> {
    return this.world.kernel.apply(ops, this.scope);
  }

  /** Applies and expects every op to succeed. */
  async applyAll(...ops: KernelOp[]): Promise<void> {
    expect((await this.apply(...ops)).filter(({ ok }) => !ok)).toEqual([]);
  }

  /** Makes the whole network. */
  build(): Promise<void> {
    return this.applyAll(...this.net.objects.map(add));
  }

  /** What is there under the object's key. */
  async find(object: KernelObject): Promise<KernelObject | undefined> {
    return (await this.observe())[object.kind].get(kernelKey(object));
  }

  async expectAll(objects: readonly KernelObject[]): Promise<void> {
    const state = await this.observe();
    for (const object of objects) expect(state[object.kind].get(kernelKey(object))).toMatchObject(object);
  }
}

export const add = (object: KernelObject): KernelOp => ({ verb: 'add', object });
export const del = (object: KernelObject): KernelOp => ({ verb: 'delete', object });

export async function expectEventually(check: () => void | Promise<void>, withinMs = 10_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
