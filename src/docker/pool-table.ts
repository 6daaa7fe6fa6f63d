import type { Cidr } from '#model/cidr.ts';

/** Docker makes a network within a second of its pools, or gives them back; or it died in between. */
const KEPT_MS = 60_000;

/** Pools that Docker was given, and has no network for yet. In memory: who forgets them gives them again. */
export class PoolTable {
  private readonly endMs = new Map<string, number>();
  private readonly cidrOf = new Map<string, Cidr>();
  private readonly chosen = new Set<string>();
  private readonly nowMs: () => number;

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  /** `isChosen`: by Weft, since nobody asked for one. */
  add(poolId: string, cidr: Cidr, isChosen = false): void {
    if (isChosen) this.chosen.add(poolId);
    this.endMs.set(poolId, this.nowMs() + KEPT_MS);
    this.cidrOf.set(poolId, cidr);
  }

  has(poolId: string): boolean {
    return (this.endMs.get(poolId) ?? 0) > this.nowMs();
  }

  isChosen(poolId: string): boolean {
    return this.has(poolId) && this.chosen.has(poolId);
  }

  delete(poolId: string): void {
    this.chosen.delete(poolId);
    this.endMs.delete(poolId);
    this.cidrOf.delete(poolId);
  }

  /** Docker has ended, and with it what it was about to make. */
  clear(): void {
    for (const poolId of this.endMs.keys()) this.delete(poolId);
  }

  /** Docker goes on holding what it does not like, and asks for another. */
  cidrs(): Cidr[] {
    for (const poolId of this.endMs.keys()) if (!this.has(poolId)) this.delete(poolId);
    return [...this.cidrOf.values()];
  }
}
