import type { KernelOp } from '#model/kernel-op.ts';
import { kernelKey } from '#model/kernel-state.ts';
import {
  type ForwardDrop,
  PERMIT_FAMILIES,
  PERMIT_TABLE,
  type Permit,
  type PermitFamily,
} from '#model/permit.ts';
import { FakeRefusal } from './fake-device.ts';

/** What others made of iptables' FORWARD: no chain, one that drops nothing or all, or that and Docker's DOCKER-USER. */
export type Firewall = 'none' | 'open' | 'drop' | 'docker';

/** iptables of the host's own namespace, and what we write into it. */
export class FakeForwarding {
  readonly #permits = new Map<string, Permit>();
  readonly #firewalls: Record<PermitFamily, Firewall> = { ip: 'none', ip6: 'none' };

  /** What was written into chains that are gone is gone. */
  set(family: PermitFamily, firewall: Firewall): void {
    this.#firewalls[family] = firewall;
    for (const [key, permit] of this.#permits) if (!this.#hasChain(permit)) this.#permits.delete(key);
  }

  get drops(): ForwardDrop[] {
    return PERMIT_FAMILIES.flatMap((family): ForwardDrop[] => {
      const firewall = this.#firewalls[family];
      if (firewall === 'none' || firewall === 'open') return [];
      const into = firewall === 'docker' ? 'DOCKER-USER' : 'FORWARD';
      return [{ family, table: PERMIT_TABLE, chain: 'FORWARD', by: 'policy drop', into, knows: [] }];
    });
  }

  get permits(): Iterable<Permit> {
    return this.#permits.values();
  }

  write(verb: KernelOp['verb'], permit: Permit): void {
    if (verb === 'delete') this.#permits.delete(kernelKey(permit));
    else if (this.#hasChain(permit)) this.#permits.set(kernelKey(permit), permit);
    else throw new FakeRefusal('ENOENT');
  }

  #hasChain({ family, chain }: Permit): boolean {
    const firewall = this.#firewalls[family];
    return firewall === 'docker' || (firewall !== 'none' && chain === 'FORWARD');
  }
}
