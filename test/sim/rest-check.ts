import { cidrContains } from '#model/cidr.ts';
import { overlayNamespace } from '#model/own.ts';
import type { Block, Change, Endpoint } from '#model/records.ts';
import type { Snapshot } from '#model/snapshot.ts';
import { textOf } from './ledger.ts';
import type { Machine } from './machine.ts';
import { NOWHERE } from './vandal.ts';
import { Violation } from './violation.ts';

/** When a retired block is free for others, no host of its network sends frames for its addresses to who had them. */
export class RestCheck {
  /** Endpoints that were, for as long as the run goes. */
  readonly #gone: Endpoint[] = [];
  readonly #machines: readonly Machine[];
  readonly #count: (what: string) => void;

  constructor(machines: readonly Machine[], count: (what: string) => void) {
    this.#machines = machines;
    this.#count = count;
  }

  /** After each commit, `before` being what was stored before it. */
  async check(before: Snapshot, changes: readonly Change[]): Promise<void> {
    for (const change of changes) {
      if (change.verb !== 'delete') continue;
      const record = before.get(change.ref);
      if (record?.kind === 'endpoint') this.#gone.push(record);
      // A network that goes takes its blocks along.
      const isFreed = record?.kind === 'block' && changes.length === 1;
      if (isFreed) await this.#checkFreed(record, before);
    }
  }

  async #checkFreed({ network, cidr, host }: Block, { networks, endpoints }: Snapshot): Promise<void> {
    this.#count('block free again');
    const held = this.#gone.filter(
      (endpoint) =>
        endpoint.network === network &&
        endpoint.host === host &&
        endpoint.addresses.some((ip) => cidrContains(cidr, ip)),
    );
    const { vni } = networks.get(network)!;
    for (const machine of this.#machines) {
      const isPeer = [...endpoints.values()].some(
        (endpoint) => endpoint.network === network && endpoint.host === machine.id,
      );
      const macs = isPeer ? await remoteMacs(machine, overlayNamespace(machine.tag, vni)) : new Set();
      const stale = held.find(({ mac }) => macs.has(mac));
      if (stale)
        throw new Violation('what is given up rests', `${machine.name} still reaches ${textOf(stale)}`);
    }
  }
}

/** To which that host's kernel sends frames in a network, but for what others than Weft wrote. */
async function remoteMacs({ kernel, tag }: Machine, overlay: string): Promise<ReadonlySet<string>> {
  const { fdb, neighbour } = await kernel.observe({ hostTag: tag, containers: [] });
  const remote = [...fdb.values()].filter(({ table, dst }) => table === 'self' && dst && dst !== NOWHERE);
  const rows = [...remote, ...neighbour.values()];
  return new Set(rows.filter(({ ns }) => ns === overlay).map(({ mac }) => mac));
}
