import type { ReportedStatus } from '#api/gen/weft/v1/controller_pb.ts';
import { type BlockUse, blockUses } from '#intent/block-use.ts';
import { exhaustionNotices, FILLING_PERCENT } from '#intent/exhaustion.ts';
import { type SubnetUse, subnetUses } from '#intent/subnet-use.ts';
import { cidrFamily } from '#model/cidr.ts';
import type { Notice } from '#model/notice.ts';
import type { Endpoint, Network } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { printEmpty, printJson, printNotices, printTable } from '../output/print.ts';
import { styleFor } from '../output/style.ts';
import { formatCount } from '../output/units.ts';
import { type SessionOptions, withController } from '../session.ts';
import type { World } from '../world.ts';
import { describeBlock } from './blocks.ts';
import { findRecord, readRecords, readStatuses } from './records.ts';
import { snapshotOf } from './snapshot-of.ts';

/** What is known of one network's addresses. */
interface NetworkUse {
  readonly network: Network;
  readonly subnets: readonly SubnetUse[];
  readonly blocks: readonly BlockUse[];
  readonly notices: readonly Notice[];
}

export async function listAddresses(
  world: World,
  options: SessionOptions,
  nameOrId: string | undefined,
): Promise<void> {
  const [records, { hosts: reported }] = await withController(world, options, (clients) =>
    Promise.all([readRecords(clients, ['network', 'host', 'block', 'endpoint']), readStatuses(clients)]),
  );
  const snapshot = snapshotOf(records);
  const asked =
    nameOrId === undefined ? records.networks : [findRecord('network', records.networks, nameOrId)];
  const uses = asked.flatMap(({ id }) => {
    const network = snapshot.networks.get(id as Network['id']);
    return network ? [useOf(network, snapshot)] : [];
  });
  if (options.json)
    return printJson(
      world,
      uses.map((use) => useJson(use, snapshot, reported)),
    );
  if (uses.length === 0) return printEmpty(world, 'No networks yet. Make one: weft network create web');
  printSubnets(world, uses);
  printBlocks(world, uses, snapshot, reported);
  printNotices(
    world,
    uses.flatMap(({ notices }) => notices),
  );
}

function useOf(network: Network, snapshot: SnapshotView): NetworkUse {
  const { blocks, endpoints } = snapshot.inNetwork(network.id);
  const subnets = subnetUses(network, endpoints.size, [...blocks.values()]);
  return {
    network,
    subnets,
    blocks: blockUses(network, snapshot),
    notices: exhaustionNotices(network, subnets),
  };
}

function printSubnets(world: World, uses: readonly NetworkUse[]): void {
  const { red, yellow } = styleFor(world.stdout, world.env);
  const rows = uses.flatMap(({ network: { name }, subnets }) => subnets.map((use) => ({ name, ...use })));
  printTable<(typeof rows)[number]>(
    world,
    [
      { title: 'NETWORK', cell: ({ name }) => name },
      { title: 'SUBNET', cell: ({ subnet }) => subnet.cidr },
      { title: 'GATEWAY', cell: ({ subnet }) => subnet.gateway },
      { title: 'SIZE', cell: ({ size }) => formatCount(size), align: 'right' },
      { title: 'USED', cell: ({ used }) => formatCount(used), align: 'right' },
      { title: 'FREE', cell: ({ free }) => formatCount(free), align: 'right' },
      {
        title: 'USE',
        cell: ({ percent }) => `${percent} %`,
        align: 'right',
        paint: ({ percent, free }) => (free === 0n ? red : percent >= FILLING_PERCENT ? yellow : undefined),
      },
      {
        title: 'FREE BLOCKS',
        cell: ({ freeBlocks }) => (freeBlocks === undefined ? '-' : formatCount(freeBlocks)),
        align: 'right',
        paint: ({ freeBlocks }) => (freeBlocks === 0n ? yellow : undefined),
      },
    ],
    rows,
  );
}

function printBlocks(
  world: World,
  uses: readonly NetworkUse[],
  snapshot: SnapshotView,
  reported: readonly ReportedStatus[],
): void {
  const rows = uses.flatMap(({ network: { name }, blocks }) => blocks.map((use) => ({ name, ...use })));
  const { yellow } = styleFor(world.stdout, world.env);
  printTable<(typeof rows)[number]>(
    world,
    [
      { title: 'NETWORK', cell: ({ name }) => name },
      { title: 'BLOCK', cell: ({ block }) => block.cidr },
      { title: 'HOST', cell: ({ block }) => hostName(block, snapshot) },
      { title: 'USED', cell: ({ used, size }) => `${used}/${formatCount(size)}`, align: 'right' },
      {
        title: 'STATE',
        cell: ({ block }) => describeBlock(block, snapshot, reported),
        paint: ({ block }) => (block.retired > 0 ? yellow : undefined),
      },
      {
        title: 'KEPT OUT OF IT',
        cell: ({ exceptions }) =>
          exceptions.map(({ ip, holder }) => `${ip} (${holderName(holder, snapshot)})`),
      },
    ],
    rows,
    'Blocks',
  );
}

const hostName = ({ host }: { readonly host: Endpoint['host'] }, { hosts }: SnapshotView): string =>
  hosts.get(host)?.name ?? `${host} (removed)`;

const holderName = (holder: Endpoint | undefined, snapshot: SnapshotView): string =>
  holder ? `${holder.name} on ${hostName(holder, snapshot)}` : 'nobody';

/** 64-bit numbers are strings, as in all of the API's JSON. */
const useJson = (
  { network, subnets, blocks, notices }: NetworkUse,
  snapshot: SnapshotView,
  reported: readonly ReportedStatus[],
) => ({
  network: network.name,
  id: network.id,
  subnets: subnets.map(({ subnet, size, used, free, percent, freeBlocks }) => ({
    ...subnet,
    size: String(size),
    used: String(used),
    free: String(free),
    percent,
    freeBlocks: freeBlocks === undefined ? null : String(freeBlocks),
    blocks: blocks
      .filter(({ block }) => cidrFamily(block.cidr) === cidrFamily(subnet.cidr))
      .map(({ block, size: blockSize, used: blockUsed, exceptions }) => ({
        id: block.id,
        cidr: block.cidr,
        host: snapshot.hosts.get(block.host)?.name ?? null,
        hostId: block.host,
        epoch: block.epoch,
        size: String(blockSize),
        used: String(blockUsed),
        retired: String(block.retired),
        state: describeBlock(block, snapshot, reported),
        except: exceptions.map(({ ip, holder }) => ({
          address: ip,
          endpoint: holder?.id ?? null,
          name: holder?.name ?? null,
          host: (holder && snapshot.hosts.get(holder.host)?.name) ?? null,
        })),
      })),
  })),
  notices,
});
