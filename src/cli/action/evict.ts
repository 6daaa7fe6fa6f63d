import { WishResponseSchema } from '#api/gen/weft/v1/controller_pb.ts';
import type { Clients } from '#transport/client.ts';
import { CliError } from '../cli-error.ts';
import { messageJson, printJson, printNotices, printPlans } from '../output/print.ts';
import { printable } from '../output/printable.ts';
import { type SessionOptions, withController } from '../session.ts';
import type { World } from '../world.ts';
import { byHost, isThere } from './host.ts';
import { findRecord, namesById, readRecords, readStatuses } from './records.ts';

/** Asks first, as it cuts off whatever still runs there: who, and all that goes with it. */
export async function evictHost(
  world: World,
  options: SessionOptions & { yes?: boolean; dryRun?: boolean },
  host: string,
): Promise<void> {
  const { yes, dryRun, json } = options;
  const losses = await withController(world, options, (clients) => readLosses(clients, host));
  if (!dryRun && !yes) await askFirst(world, losses);
  const response = await withController(world, options, ({ controller }, call) =>
    controller.evictHost({ host, dryRun }, call),
  );
  if (json) return printJson(world, messageJson(WishResponseSchema, response));
  if (dryRun) {
    for (const line of describeLosses(losses)) world.stdout.write(`${printable(line)}\n`);
    printPlans(world, response.plans);
  } else {
    world.stdout.write(`host ${printable(losses.name)} evicted\n`);
    printNotices(world, response.notices);
  }
}

interface Losses {
  readonly name: string;
  readonly connected: boolean;
  /** `shop in web (10.1.0.5)` */
  readonly endpoints: readonly string[];
  /** `10.1.0.0/29 of web` */
  readonly blocks: readonly string[];
  /** What else goes, by what one of it is called: `br-1 of web`, `web`, `8080/tcp of shop in web`. */
  readonly more: readonly (readonly [what: string, items: readonly string[]])[];
}

async function readLosses(clients: Clients, nameOrId: string): Promise<Losses> {
  const [records, { hosts: reported }] = await Promise.all([
    readRecords(clients, ['host', 'network', 'block', 'endpoint', 'adoption', 'exposure', 'publication']),
    readStatuses(clients),
  ]);
  const { id, name } = findRecord('host', records.hosts, nameOrId);
  const networkName = namesById(records.networks);
  const endpointName = namesById(records.endpoints);
  const isHere = (each: { readonly host: string }) => each.host === id;
  return {
    name,
    connected: isThere(byHost(reported).get(id)),
    endpoints: records.endpoints
      .filter(({ host }) => host === id)
      .map((each) => `${each.name} in ${networkName(each.network)} (${each.addresses.join(', ')})`),
    blocks: records.blocks
      .filter(({ host, retired }) => host === id && retired === 0)
      .map(({ cidr, network }) => `${cidr} of ${networkName(network)}`),
    more: [
      [
        'adopted bridge',
        records.adoptions.filter(isHere).map((each) => `${each.bridge} of ${networkName(each.network)}`),
      ],
      ['exposed network', records.exposures.filter(isHere).map(({ network }) => networkName(network))],
      [
        'published port',
        records.publications
          .filter(isHere)
          .map(
            ({ hostPort, protocol, endpoint, network }) =>
              `${hostPort}/${protocol} of ${endpointName(endpoint)} in ${networkName(network)}`,
          ),
      ],
    ],
  };
}

const describeLosses = ({ name, connected, endpoints, blocks, more }: Losses): string[] => [
  `host ${name} would lose ${listOf(endpoints, 'endpoint')}`,
  ...(blocks.length > 0
    ? [`and ${listOf(blocks, 'block')}, to rest until all other hosts have taken note`]
    : []),
  ...more.filter(([, { length }]) => length > 0).map(([what, items]) => `and ${listOf(items, what)}`),
  ...(connected ? [`its agent is connected: containers that run there are cut off at once`] : []),
];

/** One short line: an error is no place for lists. */
function summarize({ name, connected, endpoints, blocks, more }: Losses): string {
  const others = more.filter(([, { length }]) => length > 0).map(([what, items]) => count(items, what));
  const counts = [count(endpoints, 'endpoint'), count(blocks, 'block'), ...others];
  const lost = `${counts.slice(0, -1).join(', ')} and ${counts.at(-1)}`;
  return `host ${name} would lose ${lost}${connected ? ', and its agent is connected' : ''}`;
}

const SHOWN = 10;

function listOf(items: readonly string[], what: string): string {
  if (items.length === 0) return count(items, what);
  const more = items.length > SHOWN ? ` and ${items.length - SHOWN} more` : '';
  return `${count(items, what)}: ${items.slice(0, SHOWN).join(', ')}${more}`;
}

const count = ({ length }: readonly string[], what: string): string =>
  `${length === 0 ? 'no' : length} ${what}${length === 1 || length === 0 ? '' : 's'}`;

async function askFirst(world: World, losses: Losses): Promise<void> {
  if (!world.confirm)
    throw new CliError('usage', summarize(losses), 'say --yes to do it; --dry-run lists what would be lost');
  for (const line of describeLosses(losses)) world.stderr.write(`${printable(line)}\n`);
  if (!(await world.confirm(`Evict host ${printable(losses.name)}?`)))
    throw new CliError('usage', 'nothing was done', 'answer y, or say --yes');
}
