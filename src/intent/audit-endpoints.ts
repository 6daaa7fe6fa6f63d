import { cidrFamily } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import { familyOf } from '#model/ip.ts';
import { type Block, type Endpoint, type Network, put, remove } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { indexBlocks } from './block-index.ts';
import { describeEndpoint } from './find-record.ts';
import { explained, type Finding, howToDetach, nameOf, repairable } from './finding.ts';
import { listSome } from './list-some.ts';
import { isInUse } from './own-blocks.ts';
import { unusable } from './usable-addresses.ts';

/** What is wrong with the endpoints' own records and addresses, network by network. */
export function auditEndpoints(snapshot: SnapshotView): Finding[] {
  const byNetwork = new Map<Id, Endpoint[]>();
  const lost: Finding[] = [];
  for (const endpoint of snapshot.endpoints.values()) {
    const finding = lostEndpoint(endpoint, snapshot);
    if (finding) lost.push(finding);
    else add(byNetwork, endpoint.network, endpoint);
  }
  const found = [...byNetwork].flatMap(([id, endpoints]) => {
    const network = snapshot.networks.get(id)!;
    return [
      ...twice(endpoints, network, snapshot),
      ...endpoints.flatMap((endpoint) => unusableAddresses(endpoint, network, snapshot)),
      ...inForeignBlocks(endpoints, network, snapshot),
    ];
  });
  return [...lost, ...found];
}

function add<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

function lostEndpoint(endpoint: Endpoint, snapshot: SnapshotView): Finding | undefined {
  const { id, name, host, network } = endpoint;
  const missing = !snapshot.networks.has(network) ? `network ${network}` : `host ${host}`;
  if (snapshot.networks.has(network) && snapshot.hosts.has(host)) return undefined;
  const sentence = `Endpoint ${name} (${id}) belongs to ${missing}, which is not there.`;
  return repairable('lost-endpoint', sentence, 'delete the endpoint', remove(endpoint));
}

/** Frames for the one could go to the other. Which of them is to stay is nobody's guess. */
function twice(endpoints: readonly Endpoint[], { name }: Network, snapshot: SnapshotView): Finding[] {
  const describe = (code: 'address-twice' | 'mac-twice', what: string, holders: readonly Endpoint[]) =>
    explained(
      code,
      `In network ${name}, ${what} is had by ${listSome(holders.map((each) => describeEndpoint(snapshot, each)))}.`,
      `keep one and detach the other, then attach its container again: ${holders
        .map((each) => howToDetach(snapshot, each))
        .join(', or ')}`,
    );
  return [
    ...[...shared(endpoints, ({ addresses }) => addresses)].map(([ip, holders]) =>
      describe('address-twice', `address ${ip}`, holders),
    ),
    ...[...shared(endpoints, ({ mac }) => [mac])].map(([mac, holders]) =>
      describe('mac-twice', `MAC ${mac}`, holders),
    ),
  ];
}

/** What several endpoints have, and which. */
function shared(
  endpoints: readonly Endpoint[],
  whatOf: (endpoint: Endpoint) => readonly string[],
): Map<string, Endpoint[]> {
  const holders = new Map<string, Endpoint[]>();
  for (const endpoint of endpoints) for (const what of whatOf(endpoint)) add(holders, what, endpoint);
  for (const [what, { length }] of holders) if (length < 2) holders.delete(what);
  return holders;
}

function unusableAddresses(
  endpoint: Endpoint,
  { name, subnets }: Network,
  snapshot: SnapshotView,
): Finding[] {
  return endpoint.addresses.flatMap((ip) => {
    const subnet = subnets.find(({ cidr }) => cidrFamily(cidr) === familyOf(ip));
    const wrong = subnet ? unusable(subnet, ip) : `is of a family that the network has no subnet of`;
    if (!wrong) return [];
    const sentence = `Address ${ip} of ${describeEndpoint(snapshot, endpoint)} in network ${name} ${wrong}.`;
    const next = `${howToDetach(snapshot, endpoint)}, then attach its container again`;
    return [explained('address-unusable', sentence, next)];
  });
}

/** The block's owner could give the address to another. One finding for a block: they are put right together. */
function inForeignBlocks(
  endpoints: readonly Endpoint[],
  { id, name }: Network,
  snapshot: SnapshotView,
): Finding[] {
  const mayGive = (block: Block) => isInUse(block) && snapshot.hosts.get(block.host)?.epoch === block.epoch;
  const blocksOf = indexBlocks([...snapshot.inNetwork(id).blocks.values()].filter(mayGive));
  const strangers = new Map<Block, Endpoint['addresses'][number][]>();
  for (const { host, addresses } of endpoints)
    for (const ip of addresses)
      for (const block of blocksOf(ip))
        if (block.host !== host && !block.except.includes(ip)) add(strangers, block, ip);
  return [...strangers].map(([block, ips]) => {
    const owner = nameOf(snapshot, block.host);
    const sentence = `In network ${name}, ${listSome(ips)} of other hosts' endpoints can be given by host ${owner}, whose block ${block.cidr} is.`;
    const except = [...block.except, ...new Set(ips)];
    return repairable(
      'address-in-foreign-block',
      sentence,
      'take what others have out of the block',
      put({ ...block, except }),
    );
  });
}
