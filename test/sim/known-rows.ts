import type { BridgeFacts } from '#model/bridge-facts.ts';
import type { Element } from '#model/filter.ts';
import type { Id } from '#model/id.ts';
import { type Fdb, HOST_NAMESPACE, kernelKey, type Neighbour } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { hostTag, overlayNamespace, tunnelName } from '#model/own.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { desired } from '#plan/desired.ts';
import { hostView } from '#plan/host-view.ts';
import { carriesIpv6 } from '#plan/ipv6.ts';
import { addTunnelRows } from '#plan/tunnel.ts';
import { BRIDGES } from './bridges.ts';

/** Tunnel rows, and VTEPs that are let in, as some view of a host asked for: any other is where no view ever said. */
export class KnownRows {
  readonly #host: Id;
  readonly #rows = new Set<string>();

  constructor(host: Id) {
    this.#host = host;
  }

  learn(snapshot: SnapshotView): void {
    const view = hostView(snapshot, this.#host);
    if (!view) return;
    const facts = { hostTag: hostTag(this.#host), containers: new Map(), bridges: ALL_BRIDGES };
    const tables = desired(view, facts);
    for (const each of tables.element.values()) if (each.ns === HOST_NAMESPACE) this.#rows.add(textOf(each));
    for (const network of view.networks) {
      const ns = overlayNamespace(hostTag(this.#host), network.network.vni);
      const ipv6 = carriesIpv6(network.network);
      addTunnelRows({ ...network, host: view.host, ns, nameOf: tunnelName, ipv6 }, tables, 'asked');
    }
    for (const rows of [tables.fdb, tables.neighbour])
      for (const row of rows.values()) this.#rows.add(textOf(row));
  }

  has(row: Fdb | Neighbour | Element): boolean {
    return this.#rows.has(textOf(row));
  }
}

/** Where rows lead does not hang on what a bridge is like. */
const FACTS: BridgeFacts = {
  mac: '02:00:00:00:00:01' as Mac,
  mtu: 1500,
  portMtu: 0,
  addresses: [],
  stations: [],
};
const ALL_BRIDGES: ReadonlyMap<string, BridgeFacts> = new Map(BRIDGES.map((name) => [name, FACTS]));

function textOf(row: Fdb | Neighbour | Element): string {
  if (row.kind === 'element') return kernelKey(row);
  return row.kind === 'fdb' ? `${row.ns} ${row.mac} ${row.dst}` : `${row.ns} ${row.ip} ${row.mac}`;
}
