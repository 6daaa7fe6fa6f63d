import type { Id } from '#model/id.ts';
import type { Fdb, Neighbour } from '#model/kernel-state.ts';
import { hostTag, overlayNamespace, tunnelName } from '#model/own.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { desired } from '#plan/desired.ts';
import { hostView } from '#plan/host-view.ts';
import { tunnelRows } from '#plan/tunnel.ts';

/** Tunnel rows that some view of a host asked for: any other points where no view ever said. */
export class KnownRows {
  readonly #host: Id;
  readonly #rows = new Set<string>();

  constructor(host: Id) {
    this.#host = host;
  }

  learn(snapshot: SnapshotView): void {
    const view = hostView(snapshot, this.#host);
    if (!view) return;
    const { fdb, neighbour } = desired(view, { hostTag: hostTag(this.#host), containers: new Map() });
    for (const rows of [fdb, neighbour]) for (const row of rows.values()) this.#rows.add(textOf(row));
    for (const network of view.networks) {
      const ns = overlayNamespace(hostTag(this.#host), network.network.vni);
      for (const rows of tunnelRows({ ...network, host: view.host, ns, nameOf: tunnelName }, 'asked'))
        for (const row of rows) this.#rows.add(textOf(row));
    }
  }

  has(row: Fdb | Neighbour): boolean {
    return this.#rows.has(textOf(row));
  }
}

const textOf = (row: Fdb | Neighbour): string =>
  row.kind === 'fdb' ? `${row.ns} ${row.mac} ${row.dst}` : `${row.ns} ${row.ip} ${row.mac}`;
