import { WishResponseSchema } from '#api/gen/weft/v1/controller_pb.ts';
import { type Peer, PeerSchema } from '#api/gen/weft/v1/records_pb.ts';
import type { Id } from '#model/id.ts';
import type { Network, Peer as PeerRecord } from '#model/records.ts';
import { notFound } from '../cli-error.ts';
import { formatPairs } from '../output/pairs.ts';
import {
  messageJson,
  printEmpty,
  printJson,
  printNotices,
  printPlans,
  printTable,
  printWish,
} from '../output/print.ts';
import { styleFor } from '../output/style.ts';
import { type SessionOptions, withController } from '../session.ts';
import type { World } from '../world.ts';
import { peerCommands } from './peer-commands.ts';
import { findRecord, namesById, readRecords } from './records.ts';
import { snapshotOf } from './snapshot-of.ts';

export interface AddPeerOptions extends SessionOptions {
  readonly vtep: string;
  readonly mac?: readonly string[];
  readonly dryRun?: boolean;
}

const ALL = ['network', 'host', 'block', 'endpoint', 'adoption', 'exposure', 'peer'] as const;

export async function addPeer(
  world: World,
  options: AddPeerOptions,
  network: string,
  name: string,
): Promise<void> {
  const { vtep, mac = [], dryRun, json } = options;
  const endpoints = mac.map(readEndpoint);
  const { response, records } = await withController(world, options, async (clients, call) => {
    const answer = await clients.controller.addPeer({ network, name, vtep, endpoints, dryRun }, call);
    return { response: answer, records: await readRecords(clients, ALL) };
  });
  const subject = response.subject?.record;
  const added = subject?.case === 'peer' ? (subject.value as unknown as PeerRecord) : undefined;
  const snapshot = snapshotOf(records);
  const within = added && snapshot.networks.get(added.network);
  const commands = added && within ? peerCommands(within, added, snapshot) : [];
  if (json) return printJson(world, { ...(messageJson(WishResponseSchema, response) as object), commands });
  world.stdout.write(`peer ${name} ${dryRun ? 'would be' : 'is'} in network ${within?.name ?? network}\n`);
  if (dryRun) printPlans(world, response.plans);
  printNotices(world, response.notices);
  printCommands(world, commands);
}

/** `02:00:00:00:00:09` or `02:00:00:00:00:09=10.1.0.9,fd00:1::9`: words as they were typed. */
function readEndpoint(text: string): { mac: string; addresses: string[] } {
  const [mac = '', addresses] = text.split('=', 2);
  return { mac, addresses: addresses?.split(',') ?? [] };
}

export async function removePeer(
  world: World,
  options: SessionOptions & { dryRun?: boolean },
  network: string,
  peer: string,
): Promise<void> {
  const { dryRun } = options;
  const response = await withController(world, options, ({ controller }, call) =>
    controller.removePeer({ network, peer, dryRun }, call),
  );
  printWish(world, options, response, `peer ${peer} ${dryRun ? 'would be' : 'is'} out of network ${network}`);
}

export async function listPeers(
  world: World,
  options: SessionOptions,
  network: string | undefined,
): Promise<void> {
  const { networks, peers } = await withController(world, options, (clients) =>
    readRecords(clients, ['network', 'peer']),
  );
  const only = network === undefined ? undefined : findRecord('network', networks, network).id;
  const shown = peers.filter((peer) => only === undefined || peer.network === only);
  if (options.json)
    return printJson(
      world,
      shown.map((peer) => messageJson(PeerSchema, peer)),
    );
  if (shown.length === 0)
    return printEmpty(world, 'No peers. Add one: weft peer add NETWORK NAME --vtep ADDRESS');
  const nameOf = namesById(networks);
  printTable<Peer>(
    world,
    [
      { title: 'NAME', cell: ({ name }) => name },
      { title: 'NETWORK', cell: (peer) => nameOf(peer.network) },
      { title: 'VTEP', cell: ({ vtep }) => vtep },
      { title: 'MACS', cell: ({ endpoints }) => endpoints.map(({ mac }) => mac) },
      { title: 'ADDRESSES', cell: ({ endpoints }) => endpoints.flatMap(({ addresses }) => addresses) },
    ],
    shown,
  );
}

export async function inspectPeer(
  world: World,
  options: SessionOptions,
  networkName: string,
  name: string,
): Promise<void> {
  const records = await withController(world, options, (clients) => readRecords(clients, ALL));
  const { id } = findRecord('network', records.networks, networkName);
  const here = records.peers.filter((peer) => peer.network === id);
  const message = here.find((peer) => peer.id === name || peer.name.toLowerCase() === name.toLowerCase());
  if (!message)
    throw notFound(
      'peer',
      name,
      here.map((peer) => peer.name),
    );
  const snapshot = snapshotOf(records);
  const [network, peer] = [snapshot.networks.get(id as Id)!, snapshot.peers.get(message.id as Id)!];
  const commands = peerCommands(network, peer, snapshot);
  if (options.json) return printJson(world, { peer: messageJson(PeerSchema, message), commands });
  printPeer(world, peer, network);
  printCommands(world, commands);
}

function printPeer(world: World, peer: PeerRecord, network: Network): void {
  world.stdout.write(
    formatPairs(
      `Peer ${peer.name}`,
      [
        ['id', peer.id],
        ['network', `${network.name} (${network.mode})`],
        ['vtep', peer.vtep],
        ['endpoints', peer.endpoints.map(({ mac, addresses }) => [mac, ...addresses].join(' '))],
      ],
      styleFor(world.stdout, world.env),
    ),
  );
}

function printCommands(world: World, commands: readonly string[]): void {
  if (commands.length === 0) return;
  world.stdout.write('\nOn the other machine, as root:\n');
  for (const command of commands) world.stdout.write(`  ${command}\n`);
  world.stdout.write('Again after hosts join or leave, or the network changes: first ip link del vxlan0\n');
}
