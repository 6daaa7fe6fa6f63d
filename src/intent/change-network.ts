import { fault, isRejection, type Rejection } from '#model/fault.ts';
import { familyOf } from '#model/ip.ts';
import type { Notice } from '#model/notice.ts';
import { type Network, put, type Tunnel, type TunnelChange } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { isInPlace, type TunnelMode } from '#model/tunnel-mode.ts';
import type { ChangeNetwork } from '#model/wish.ts';
import { type Admitted, admitted } from './admitted.ts';
import { tunnelOf } from './advance-change.ts';
import { allocateVni } from './allocate-vni.ts';
import { hindrance, innerMtu } from './encapsulation.ts';
import { complete, type Faults, noFaults } from './faults.ts';
import { findNetwork } from './find-record.ts';
import { listSome } from './list-some.ts';
import { chooseGroup, readGroup } from './multicast-group.ts';
import { readMtu } from './network-mtu.ts';
import { noticesOfHindrance } from './network-underlay.ts';
import { PEER_MODES } from './peer-endpoints.ts';
import { readWholeNumber } from './read-field.ts';
import { readMode } from './read-mode.ts';
import { readPort } from './read-port.ts';
import { readPortSecurity } from './read-port-security.ts';
import { checkTwoHosts } from './two-hosts.ts';

/**
 * Another tunnel for a network. With endpoints in it this only begins the change (see advance-change.ts); without
 * any nobody has to keep step. Idempotent: what is so already changes nothing.
 */
export function changeNetwork(wish: ChangeNetwork, snapshot: SnapshotView): Admitted | Rejection {
  const faults = noFaults();
  const network = findNetwork(faults, snapshot, wish.network);
  if (network) refuseSecond(faults, wish, network);
  const tunnel = network && readTunnel(faults, wish, network, snapshot);
  if (network && tunnel) {
    checkPeers(faults, network, tunnel.mode, snapshot);
    checkTwoHosts(faults, 'mode', tunnel.mode, network, tunnel.mode, snapshot);
  }
  const portSecurity = readPortSecurity(faults, wish.portSecurity ?? network?.portSecurity);
  const found = complete(faults, { network, tunnel, portSecurity });
  if (isRejection(found)) return found;
  const { tunnel: to, network: from } = found;
  const fields = Object.keys(to) as (keyof Tunnel)[];
  const isSameTunnel = fields.every((field) => to[field] === from[field]);
  if (isSameTunnel && found.portSecurity === from.portSecurity) return admitted([], from);
  // Each host's own affair: nobody has to keep step.
  const beside: Network = { ...from, portSecurity: found.portSecurity };
  const changed: Network =
    isSameTunnel || snapshot.inNetwork(from.id).endpointCount.size === 0
      ? { ...beside, ...to }
      : {
          ...beside,
          change: { phase: 'prepare', since: snapshot.revision + 1, ...wayTo(to, from, snapshot) },
        };
  return admitted([put(changed)], changed, [
    ...noticesOfHindrance({ ...from, ...to }, [...snapshot.hosts.values()]),
    ...noticesOfPeers(from, to, snapshot),
  ]);
}

/** What Weft does not run it does not change. */
function noticesOfPeers(from: Network, to: Tunnel, snapshot: SnapshotView): Notice[] {
  const names = Array.from(snapshot.inNetwork(from.id).peers.values(), ({ name }) => name);
  if (names.length === 0 || (from.port === to.port && from.group === to.group)) return [];
  return [
    {
      code: 'peers-unchanged',
      title: 'Peers must be changed by hand',
      sentence: `Network ${from.name} goes to port ${to.port}${to.group ? `, group ${to.group}` : ''}; its peers ${listSome(names)} do not.`,
      next: 'Run on each `ip link del vxlan0`, then what `weft peer inspect` prints for it: until then nothing reaches it.',
    },
  ];
}

/**
 * A host cannot have two devices of the same VNI and UDP port. Where the mode asks for another device and the port
 * stays, the way leads over one with a VNI that is free, so that nothing is lost while the first is made anew. With
 * all VNIs taken it is made anew in one go.
 */
function wayTo(to: Tunnel, from: Network, snapshot: SnapshotView): Pick<TunnelChange, 'other' | 'next'> {
  const transitVni =
    isInPlace(from.mode, to.mode) || to.port !== from.port ? undefined : allocateVni(snapshot);
  if (transitVni === undefined) return { other: to };
  return { other: { ...to, transitVni, device: otherDevice(from) }, next: to };
}

const otherDevice = ({ device = 0 }: Tunnel): number => 1 - device;

/** What a machine made by hand cannot take part in, a network with one cannot become. */
function checkPeers(faults: Faults, { id }: Network, mode: TunnelMode, snapshot: SnapshotView): void {
  const { peers } = snapshot.inNetwork(id);
  if (peers.size === 0 || PEER_MODES.includes(mode)) return;
  const names = listSome(Array.from(peers.values(), ({ name }) => name));
  const fix = `choose one of ${listSome(PEER_MODES)}, or remove the peers`;
  faults.conflict.push(fault('mode', mode, `does not reach who asks from outside Weft: ${names}`, fix));
}

function refuseSecond(faults: Faults, { network: value }: ChangeNetwork, { change }: Network): void {
  if (!change) return;
  const fix = 'wait until it is done: `weft network inspect` shows the change';
  faults.conflict.push(fault('network', value, `is being changed (phase ${change.phase})`, fix));
}

function readTunnel(
  faults: Faults,
  wish: ChangeNetwork,
  network: Network,
  snapshot: SnapshotView,
): Tunnel | undefined {
  const { port, mtu, ttl } = wish;
  if ([wish.mode, wish.group, port, mtu, ttl, wish.portSecurity].every((field) => field === undefined))
    faults.invalid.push(
      fault(
        'change',
        'nothing',
        'says not what to change',
        'give a mode, port, mtu, ttl, group or port security',
      ),
    );
  if (network.adopts) refuseAdopting(faults, wish);
  const was = tunnelOf(network);
  const mode = wish.mode === undefined ? was.mode : readMode(faults, wish.mode, network.adopts);
  const asked = readGroup(faults, wish.group, mode, network.underlay);
  const group =
    mode === 'multicast' ? (asked ?? was.group ?? chooseGroup(network.vni, network.underlay)) : undefined;
  const tunnel = {
    mode,
    port: port === undefined ? was.port : readPort(faults, port, [...snapshot.hosts.values()]),
    mtu: mtu === undefined ? was.mtu : readNewMtu(faults, mtu, network, snapshot),
    ttl: ttl === undefined ? was.ttl : readWholeNumber(faults, 'ttl', ttl, 1, 255),
  };
  const isSamePort = (tunnel.port ?? was.port) === was.port;
  const device = isSamePort ? was.device : otherDevice(was);
  return Object.values(tunnel).includes(undefined) ? undefined : ({ ...tunnel, group, device } as Tunnel);
}

/** What is in a bridge of somebody else's is as that bridge is, and alone there. */
function refuseAdopting(faults: Faults, { mtu, port }: ChangeNetwork): void {
  const fix = 'disown its bridges, and adopt them into another network';
  if (mtu !== undefined)
    faults.conflict.push(fault('mtu', mtu, 'follows the bridges that the network adopts', 'change theirs'));
  if (port !== undefined)
    faults.conflict.push(fault('port', port, 'cannot be changed while a bridge is adopted', fix));
}

/** The endpoints of a host that cannot carry it would be cut off, not just left out. */
function readNewMtu(
  faults: Faults,
  value: number,
  network: Network,
  snapshot: SnapshotView,
): number | undefined {
  const { underlay, subnets } = network;
  const hasIpv6 = subnets.some(({ gateway }) => familyOf(gateway) === 6);
  const mtu = readMtu(faults, value, underlay, hasIpv6);
  if (mtu === undefined) return undefined;
  const { endpointCount } = snapshot.inNetwork(network.id);
  const narrow = [...snapshot.hosts.values()]
    .filter(({ id }) => endpointCount.has(id))
    .filter((host) => hindrance({ ...network, mtu }, host) === 'mtu')
    .map((host) => ({ name: host.name, fits: innerMtu(host, underlay) }));
  if (narrow.length === 0) return mtu;
  const where = listSome(narrow.map(({ name, fits }) => `${name} (${fits})`));
  const fix = `give at most ${Math.min(...narrow.map(({ fits }) => fits))}, or raise the underlay's MTU there`;
  faults.conflict.push(fault('mtu', value, `is more than fits through ${where}`, fix));
  return undefined;
}
