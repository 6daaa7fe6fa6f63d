import { cidrContains, cidrFamily } from '#model/cidr.ts';
import { fault, isRejection, type Rejection, take } from '#model/fault.ts';
import { createId } from '#model/id.ts';
import { familyOf, type Ip, parseIp } from '#model/ip.ts';
import { parseMac } from '#model/mac.ts';
import { foldName, parseName } from '#model/name.ts';
import { familyOfUnderlay, type Network, type Peer, type PeerEndpoint, put } from '#model/records.ts';
import type { NetworkRecords, SnapshotView } from '#model/snapshot.ts';
import type { AddPeer } from '#model/wish.ts';
import { type Admitted, admitted, type Chance } from './admitted.ts';
import { FAMILY_TITLE } from './encapsulation.ts';
import { giveBack } from './exceptions.ts';
import { complete, type Faults, noFaults } from './faults.ts';
import { describeEndpoint, findNetwork } from './find-record.ts';
import { listSome } from './list-some.ts';
import { PEER_MODES, peerWith } from './peer-endpoints.ts';
import { readEach, readName } from './read-field.ts';
import { specialMembership } from './special-range.ts';
import { checkTwoHosts, futureMode } from './two-hosts.ts';
import { unusable } from './usable-addresses.ts';

const MAX_ENDPOINTS = 4096;

/** A machine that Weft does not run, or news of a known one (by its name). Idempotent: the same again changes nothing. */
export function addPeer(wish: AddPeer, snapshot: SnapshotView, chance: Chance): Admitted | Rejection {
  const faults = noFaults();
  const network = findNetwork(faults, snapshot, wish.network);
  const name = readName(faults, 'name', wish.name, parseName);
  const known = network && name !== undefined ? findPeer(snapshot, network, name) : undefined;
  const id = known?.id ?? createId(chance.now, chance.entropy);
  if (network) checkMode(faults, network);
  if (network) checkTwoHosts(faults, 'network', network.name, network, network.mode, snapshot, id);
  const fields = complete(faults, {
    network,
    name,
    vtep: network && readVtep(faults, wish.vtep, network, snapshot, id),
    endpoints: network && readEndpoints(faults, wish, network, snapshot, id),
  });
  if (isRejection(fields)) return fields;
  const { vtep, endpoints } = fields;
  const peer: Peer = {
    ...{ kind: 'peer', id, network: fields.network.id },
    ...{ name: fields.name, vtep, endpoints },
  };
  const isSame = known?.vtep === vtep && JSON.stringify(known.endpoints) === JSON.stringify(endpoints);
  if (isSame) return admitted([], known);
  const has = new Set(endpoints.flatMap(({ addresses }) => addresses));
  const left = known?.endpoints.flatMap(({ addresses }) => addresses.filter((ip) => !has.has(ip))) ?? [];
  const freed = giveBack(snapshot, [{ network: peer.network, addresses: left }]);
  return admitted([put(peer), ...freed.map(put)], peer);
}

/** By name or id, in one network. */
export function findPeer(snapshot: SnapshotView, network: Network, text: string): Peer | undefined {
  const peers = [...snapshot.inNetwork(network.id).peers.values()];
  return peers.find(({ id, name }) => id === text || foldName(name) === foldName(text));
}

function checkMode(faults: Faults, network: Network): void {
  const { name, mode } = network;
  const wrong = [mode, futureMode(network)].find((each) => !PEER_MODES.includes(each));
  if (wrong === undefined) return;
  const problem = `is in mode ${wrong}, which does not reach who asks from outside Weft`;
  const fix = `change it: \`weft network set-mode ${name} static\` (or ${listSome(PEER_MODES)})`;
  faults.conflict.push(fault('network', name, problem, fix));
}

function readVtep(
  faults: Faults,
  value: string,
  network: Network,
  snapshot: SnapshotView,
  self: string,
): Ip | undefined {
  const vtep = take(faults.invalid, 'vtep', value, parseIp(value));
  if (vtep === undefined) return undefined;
  const fix = 'give the address that its VXLAN device has as `local`';
  if (familyOf(vtep) !== familyOfUnderlay(network.underlay)) {
    const problem = `is not of the network's underlay, ${FAMILY_TITLE[network.underlay]}`;
    faults.invalid.push(fault('vtep', value, problem, fix));
  }
  const special = specialMembership(vtep);
  if (special) faults.invalid.push(fault('vtep', value, special, fix));
  const host = [...snapshot.hosts.values()].find(({ underlay }) => underlay.includes(vtep));
  if (host) faults.conflict.push(fault('vtep', value, `is host ${host.name}, which Weft runs`, fix));
  const { peers } = snapshot.inNetwork(network.id);
  const other = [...peers.values()].find((peer) => peer.vtep === vtep && peer.id !== self);
  if (other) faults.conflict.push(fault('vtep', value, `is that of peer ${other.name}`, fix));
  return vtep;
}

function readEndpoints(
  faults: Faults,
  { endpoints: values }: AddPeer,
  network: Network,
  snapshot: SnapshotView,
  self: string,
): PeerEndpoint[] | undefined {
  if (values.length > MAX_ENDPOINTS) {
    const fix = 'name only those that must be known beforehand: the others are learned';
    faults.invalid.push(fault('mac', `${values.length} of them`, `are more than ${MAX_ENDPOINTS}`, fix));
    return undefined;
  }
  const records = snapshot.inNetwork(network.id);
  const seen = new Set<string>();
  return values.flatMap(({ mac: text, addresses }) => {
    const mac = take(faults.invalid, 'mac', text, parseMac(text));
    const ips = readEach(faults.invalid, 'ip', addresses, parseIp);
    for (const ip of ips) checkAddress(faults, ip, network, records, self);
    if (ips.length > new Set(ips.map(familyOf)).size) {
      const fix = 'give at most one address of each family';
      faults.invalid.push(fault('ip', ips.join(), 'has two of one family', fix));
    }
    for (const [field, what] of [['mac', mac] as const, ...ips.map((ip) => ['ip', ip] as const)]) {
      if (what === undefined) continue;
      const holder = seen.has(what)
        ? 'another endpoint of this peer'
        : holderOf(what, snapshot, records, self);
      if (holder) faults.conflict.push(fault(field, what, `is taken by ${holder}`, 'give another one'));
      seen.add(what);
    }
    return mac === undefined ? [] : [{ mac, addresses: ips }];
  });
}

function holderOf(
  what: string,
  snapshot: SnapshotView,
  records: NetworkRecords,
  self: string,
): string | undefined {
  const id = records.endpointByIp.get(what as Ip) ?? records.endpointByMac.get(what);
  if (id) return describeEndpoint(snapshot, records.endpoints.get(id)!);
  const peer = peerWith(records, what);
  return peer && peer.id !== self ? `peer ${peer.name}` : undefined;
}

/** In a host's block it could be given to a container at any time, also while nobody hears that host. */
function checkAddress(
  faults: Faults,
  ip: Ip,
  { subnets }: Network,
  records: NetworkRecords,
  self: string,
): void {
  const subnet = subnets.find(({ cidr }) => cidrFamily(cidr) === familyOf(ip));
  const wrong = subnet && unusable(subnet, ip);
  if (wrong) faults.invalid.push(fault('ip', ip, wrong, 'give another one, or leave it out'));
  // An exception that nobody holds was made for a wish that failed: its owner may not have heard of it.
  const block = [...records.blocks.values()].find(({ cidr }) => cidrContains(cidr, ip));
  if (!block || (block.except.includes(ip) && peerWith(records, ip)?.id === self)) return;
  const fix = 'give one in no block, such as one near the end of the subnet (see `weft network inspect`)';
  faults.conflict.push(fault('ip', ip, `is in block ${block.cidr}, which a host gives from`, fix));
}
