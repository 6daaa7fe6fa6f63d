import { cidrContains, cidrFamily } from '#model/cidr.ts';
import { type Fault, fault, isRejection, type Rejection } from '#model/fault.ts';
import { gatewayMac } from '#model/gateway.ts';
import { createId, type Entropy } from '#model/id.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import { createMac, type Mac } from '#model/mac.ts';
import type { Notice } from '#model/notice.ts';
import { type Block, type Endpoint, type Host, type Network, put, type Subnet } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import type { AttachEndpoint } from '#model/wish.ts';
import { type Admitted, admitted, type Chance } from './admitted.ts';
import { allocateAddress, type IsBarred } from './allocate-address.ts';
import { FAMILY_TITLE, hindrance, innerMtu } from './encapsulation.ts';
import { takeOut } from './exceptions.ts';
import { exhaustionNotices } from './exhaustion.ts';
import { complete, type Faults, noFaults, rejection } from './faults.ts';
import { describeEndpoint, findHost, findNetwork } from './find-record.ts';
import { isInUse } from './own-blocks.ts';
import { peerWith } from './peer-endpoints.ts';
import { type EndpointRequest, readEndpoint } from './read-endpoint.ts';
import {
  checkRepetition,
  checkSubnetsApart,
  chooseInterface,
  endpointsOfContainer,
} from './same-container.ts';
import { subnetUses } from './subnet-use.ts';
import { checkTwoHosts, futureMode } from './two-hosts.ts';
import { unusable, usableCount } from './usable-addresses.ts';

/**
 * A new endpoint, with a block for its host when that has no free address left. Idempotent: the same container in
 * the same network again changes nothing if it asks for nothing else, and is a conflict if it does. An address in
 * another host's block is taken out of that first (see `askFirst`).
 */
export function attachEndpoint(
  wish: AttachEndpoint,
  snapshot: SnapshotView,
  chance: Chance,
  isBarredThere: IsBarred = () => false,
): Admitted | Rejection {
  const isBarred: IsBarred = (network, ip, asker) =>
    wish.held?.includes(ip) || isBarredThere(network, ip, asker);
  const faults = noFaults();
  const request = readEndpoint(faults, wish);
  const network = findNetwork(faults, snapshot, wish.network);
  const host = findHost(faults, snapshot, wish.host);
  const siblings = host ? endpointsOfContainer(request, host, snapshot) : [];
  const present = siblings.find((endpoint) => endpoint.network === network?.id);
  if (present) {
    checkRepetition(faults, wish, request, present);
    return rejection(faults) ?? admitted([], present);
  }
  if (network?.adopts) {
    const problem = 'is of adopted bridges, whose owners connect containers';
    const fix = 'connect it to such a bridge, as with `docker network connect`, or name another network';
    faults.conflict.push(fault('network', wish.network, problem, fix));
  }
  if (network) {
    checkMac(faults, request, network, snapshot);
    checkAddresses(faults, request.addresses, network, snapshot);
  }
  if (network && host) {
    checkHost(faults, network, host);
    checkTwoHosts(faults, 'host', host.name, network, futureMode(network), snapshot, host.id);
  }
  if (network) checkSubnetsApart(faults, network, siblings, snapshot);
  const fields = complete(faults, {
    runtime: request.runtime,
    containerId: request.containerId,
    name: request.name,
    interface: chooseInterface(faults, request.interface, siblings, snapshot),
    given:
      network &&
      host &&
      giveAddresses(faults, request, network, host, snapshot, chance, isBarred, wish.newBlockIn),
    network,
    host,
  });
  if (isRejection(fields)) return fields;
  const { given, ...rest } = fields;
  const endpoint: Endpoint = {
    kind: 'endpoint',
    id: createId(chance.now, chance.entropy),
    ...rest,
    network: rest.network.id,
    host: rest.host.id,
    aliases: request.aliases,
    mac: request.mac ?? createFreeMac(rest.network, snapshot, chance.entropy),
    addresses: given.addresses,
    generation: 1,
  };
  const foreign = takeOut(endpoint, snapshot);
  if (foreign.length > 0)
    return { ...admitted(foreign.map(put), endpoint), askFirst: foreign.map((block) => block.host) };
  return admitted([...given.blocks, endpoint].map(put), endpoint, warn(rest.network, given.blocks, snapshot));
}

/** What is to be known of the network's addresses once the endpoint is in it. */
function warn(network: Network, newBlocks: readonly Block[], snapshot: SnapshotView): Notice[] {
  const { blocks, endpoints } = snapshot.inNetwork(network.id);
  return exhaustionNotices(
    network,
    subnetUses(network, endpoints.size + 1, [...blocks.values(), ...newBlocks]),
  );
}

const RESTS = 'is in a block whose host gave it up; it rests until all hosts of the network have taken note';

/** A MAC that was asked for must be nobody's. */
function checkMac(faults: Faults, request: EndpointRequest, network: Network, snapshot: SnapshotView): void {
  const records = snapshot.inNetwork(network.id);
  const { endpoints, endpointByMac } = records;
  const holder = request.mac && endpointByMac.get(request.mac);
  if (holder) {
    const problem = `is taken by ${describeEndpoint(snapshot, endpoints.get(holder)!)}`;
    faults.conflict.push(fault('mac', request.mac, problem, 'choose another one, or leave it out'));
  }
  if (request.mac === gatewayMac(network.id)) {
    const problem = 'is the MAC of the network’s gateway';
    faults.conflict.push(fault('mac', request.mac, problem, 'choose another one, or leave it out'));
  }
  const station = request.mac && peerWith(records, request.mac);
  if (station) {
    const problem = `is taken by peer ${station.name}`;
    faults.conflict.push(fault('mac', request.mac, problem, 'choose another one, or leave it out'));
  }
}

/** Addresses that were asked for must be right for the network, and nobody's. */
export function checkAddresses(
  faults: Faults,
  addresses: EndpointRequest['addresses'],
  network: Network,
  snapshot: SnapshotView,
): void {
  const records = snapshot.inNetwork(network.id);
  const { blocks, endpoints, endpointByIp } = records;
  for (const [family, ip] of addresses) {
    const fix = 'choose another one, or leave it out';
    const subnet = network.subnets.find(({ cidr }) => cidrFamily(cidr) === family);
    const wrong = subnet ? unusable(subnet, ip) : `the network has no IPv${family} subnet`;
    if (wrong) faults.invalid.push(fault('ip', ip, wrong, fix));
    const rests = [...blocks.values()].some((block) => !isInUse(block) && cidrContains(block.cidr, ip));
    if (rests)
      faults.conflict.push(fault('ip', ip, RESTS, 'wait (see `weft ipam ls`), or choose another one'));
    const peer = peerWith(records, ip);
    if (peer) faults.conflict.push(fault('ip', ip, `is taken by peer ${peer.name}`, fix));
    const taken = endpointByIp.get(ip);
    if (!taken) continue;
    const problem = `is taken by ${describeEndpoint(snapshot, endpoints.get(taken)!)}`;
    faults.conflict.push(fault('ip', ip, problem, fix));
  }
}

/** Whether its packets can be tunnelled from there. */
export function checkHost(faults: Faults, network: Network, host: Host): void {
  const cause = hindrance(network, host);
  const family = FAMILY_TITLE[network.underlay];
  if (cause === 'underlay') {
    const problem = `has no ${family} underlay address, and network ${network.name} tunnels over ${family}`;
    faults.conflict.push(fault('host', host.name, problem, 'give its agent one with --underlay'));
  }
  if (cause === 'mtu') {
    const carried = innerMtu(host, network.underlay);
    const problem = `carries packets of ${carried} bytes, and network ${network.name} has MTU ${network.mtu}`;
    const fix = `raise its underlay MTU by ${network.mtu - carried}, or use a network with a smaller MTU`;
    faults.conflict.push(fault('host', host.name, problem, fix));
  }
}

interface Given {
  readonly addresses: readonly Ip[];
  readonly blocks: readonly Block[];
}

/** One address of each subnet, IPv4 first: what was asked for, else a free one. */
function giveAddresses(
  faults: Faults,
  request: EndpointRequest,
  network: Network,
  host: Host,
  snapshot: SnapshotView,
  chance: Chance,
  isBarred: IsBarred,
  newBlockIn: readonly string[] | undefined,
): Given {
  const addresses: Ip[] = [];
  const blocks: Block[] = [];
  for (const subnet of network.subnets) {
    const asked = request.addresses.get(familyOf(subnet.cidr));
    const given = asked
      ? { ip: asked }
      : allocateAddress(subnet, network, host, snapshot, chance, isBarred, newBlockIn);
    if (given) addresses.push(given.ip);
    if (given && 'blocks' in given && given.blocks) blocks.push(...given.blocks);
    if (given) continue;
    faults.exhausted.push(nothingLeft(subnet, network, snapshot));
  }
  return { addresses, blocks };
}

function nothingLeft(subnet: Subnet, network: Network, snapshot: SnapshotView): Fault {
  const usable = usableCount(subnet);
  const free = usable - BigInt(snapshot.inNetwork(network.id).endpoints.size);
  if (free > 0n) {
    const problem = `has nothing to give now: its ${free} free addresses rest, or are in blocks of hosts that are away`;
    return fault('subnet', subnet.cidr, problem, `see \`weft ipam ls ${network.name}\`, and try again`);
  }
  const problem = `is full: all ${usable} addresses of network ${network.name} are taken`;
  const fix = 'detach endpoints that are no longer needed, or use a network with a larger subnet';
  return fault('subnet', subnet.cidr, problem, fix);
}

/** Of 2^46 random ones hardly two are equal, but an equal one would take the other's frames. */
function createFreeMac(network: Network, snapshot: SnapshotView, entropy: Entropy): Mac {
  const { endpointByMac } = snapshot.inNetwork(network.id);
  for (let attempt = 0; attempt < 100; attempt++) {
    const mac = createMac(entropy);
    if (!endpointByMac.has(mac) && mac !== gatewayMac(network.id)) return mac;
  }
  throw new Error('a hundred random MACs were all taken: the entropy is none');
}
