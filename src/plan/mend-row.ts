import { gatewayMac } from '#model/gateway.ts';
import type { Id } from '#model/id.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { type Fdb, kernelKey, type Neighbour } from '#model/kernel-state.ts';
import { ZERO_MAC } from '#model/mac.ts';
import { BRIDGE_NAME, isTunnelName, overlayNamespace, portName } from '#model/own.ts';
import type { Endpoint, Host, Network } from '#model/records.ts';
import type { NetworkRecords } from '#model/snapshot.ts';
import { allowedFor, endpointOf, type RowPlace, whomOf } from './asked-rows.ts';
import { rowsTowards } from './endpoint-objects.ts';
import { gatewayRow } from './gateway.ts';
import { vtepOf } from './host-view.ts';
import { rulesOf } from './kinds.ts';
import { macOfLinkLocal } from './link-local.ts';
import { learns } from './tunnel.ts';

/** What is known of a network when one of its rows is judged. */
export interface RowGround extends RowPlace {
  /** Whether an endpoint of this host is to have its port. */
  readonly isPlugged: (endpoint: Id) => boolean;
}

/**
 * Whether a row is as `desired` has it, told from the one endpoint or host that it is about: the kernel says that it is
 * like this now, or that it is `gone`. Gives the write that puts it right; `undefined` when there is nothing to do, and
 * `look` when one row does not tell.
 */
export function mendRow(
  ground: RowGround,
  row: Fdb | Neighbour,
  gone: boolean,
): KernelOp | 'look' | undefined {
  const wished = wishFor(ground, row) ?? (gone ? undefined : allowedFor(ground, row));
  if (wished && tableOf(wished) === tableOf(row)) {
    const isThere = !gone && kernelKey(wished) === kernelKey(row) && rulesOf(row.kind).equal(wished, row);
    return isThere ? undefined : { verb: 'add', object: wished };
  }
  if (isOfPeer(ground, row)) return 'look';
  if (gone || isKernels(row, ground.network)) return undefined;
  // Behind a port there may be what was plugged in just now.
  return tableOf(row) === 'self' || isOurPort(ground, row.dev) ? { verb: 'delete', object: row } : 'look';
}

const tableOf = (row: Fdb | Neighbour): Fdb['table'] => (row.kind === 'fdb' ? row.table : 'self');

const isOurPort = ({ here, snapshot, network, isPlugged }: RowGround, dev: string): boolean =>
  dev === BRIDGE_NAME ||
  isTunnelName(dev) ||
  [...snapshot.inNetwork(network.id).endpoints.on(here.host.id)].some(
    ({ id }) => portName(id) === dev && isPlugged(id),
  );

/** Of somebody that Weft does not run: there are few. */
const isOfPeer = ({ snapshot, network }: RowGround, row: Fdb | Neighbour): boolean =>
  [...snapshot.inNetwork(network.id).peers.values()].some(({ vtep, endpoints }) =>
    row.kind === 'fdb' && row.mac === ZERO_MAC
      ? row.dst === vtep
      : endpoints.some(({ mac, addresses }) =>
          row.kind === 'fdb'
            ? mac === row.mac && row.state !== 'learned'
            : addresses.includes(row.ip) || macOfLinkLocal(row.ip) === mac,
        ),
  );

/** Learned by a device that is to learn, or the kernel's own multicast. */
const isKernels = (row: Fdb | Neighbour, network: Network): boolean =>
  row.kind === 'fdb' ? row.state === 'learned' && learns(network, row.dev) : row.state === 'noarp';

/** What `desired` has in a row's place. */
export function wishFor(ground: RowGround, row: Fdb | Neighbour): Fdb | Neighbour | undefined {
  const { here, snapshot, network } = ground;
  const records = snapshot.inNetwork(network.id);
  if (!records.endpointCount.has(here.host.id)) return undefined;
  if (row.kind === 'fdb' && row.mac === ZERO_MAC) return zeroRow(ground, records, row);
  if (row.kind === 'fdb' && row.mac === gatewayMac(network.id))
    return gatewayRow(network, overlayNamespace(here.hostTag, network.vni));
  const endpoint = endpointOf(records, whomOf(row));
  if (endpoint?.host === here.host.id) return portRow(ground, endpoint, row);
  const peer = endpoint && snapshot.hosts.get(endpoint.host);
  return (
    peer &&
    rowsTowards(here, network, peer, [endpoint]).find((wished) => kernelKey(wished) === kernelKey(row))
  );
}

/** The row of a member's VTEP, in modes that have such. */
function zeroRow({ here, snapshot, network }: RowGround, { endpointCount }: NetworkRecords, row: Fdb) {
  const isItsVtep = (host: Host | undefined): host is Host =>
    host !== undefined && host.id !== here.host.id && vtepOf(host, network.underlay) === row.dst;
  const peer = [...endpointCount.keys()].map((id) => snapshot.hosts.get(id)).find(isItsVtep);
  return peer && rowsTowards(here, network, peer, []).find((wished) => kernelKey(wished) === kernelKey(row));
}

/** Where the bridge is to find an endpoint of this host: a row elsewhere has taken it from there. */
function portRow(
  { here, network, isPlugged }: RowGround,
  { id, mac }: Endpoint,
  row: Fdb | Neighbour,
): Fdb | undefined {
  const dev = portName(id);
  if (tableOf(row) !== 'master' || !isPlugged(id)) return undefined;
  const ns = overlayNamespace(here.hostTag, network.vni);
  return { kind: 'fdb', ns, dev, table: 'master', mac, state: 'static' };
}
