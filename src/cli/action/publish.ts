import { type Publication, PublicationSchema } from '#api/gen/weft/v1/records_pb.ts';
import { formatMapping, type Mapping } from '#intent/publications.ts';
import { fault } from '#model/fault.ts';
import { faultError } from '../cli-error.ts';
import { messageJson, printEmpty, printJson, printTable, printWish } from '../output/print.ts';
import { type SessionOptions, withController } from '../session.ts';
import type { World } from '../world.ts';
import { namesById, readRecords } from './records.ts';

export interface PublishOptions extends SessionOptions {
  readonly network?: string;
  readonly dryRun?: boolean;
}

export async function publishPort(
  world: World,
  options: PublishOptions,
  endpoint: string,
  mapping: string,
): Promise<void> {
  const { network, dryRun } = options;
  const response = await withController(world, options, ({ controller }, call) =>
    controller.publishPort({ endpoint, network, mapping, dryRun }, call),
  );
  printWish(world, options, response, `${endpoint} ${dryRun ? 'would be' : 'is'} published: ${mapping}`);
}

export async function unpublishPort(
  world: World,
  options: PublishOptions,
  endpoint: string,
  mapping?: string,
): Promise<void> {
  // What a script's unset variable leaves must not end in all of them.
  if (mapping === '')
    throw faultError(
      'usage',
      fault('port', mapping, 'is empty', 'give one as `weft publish ls` shows it, or leave it out for all'),
    );
  const { network, dryRun } = options;
  const response = await withController(world, options, ({ controller }, call) =>
    controller.unpublishPort({ endpoint, network, mapping, dryRun }, call),
  );
  const what = mapping ?? 'all its ports';
  printWish(world, options, response, `${endpoint} ${dryRun ? 'would be' : 'is'} unpublished: ${what}`);
}

export async function listPublications(world: World, options: SessionOptions): Promise<void> {
  const { publications, endpoints, hosts, networks } = await withController(world, options, (clients) =>
    readRecords(clients, ['publication', 'endpoint', 'host', 'network']),
  );
  if (options.json)
    return printJson(
      world,
      publications.map((publication) => messageJson(PublicationSchema, publication)),
    );
  if (publications.length === 0)
    return printEmpty(world, 'Nothing is published. Publish something: weft publish ENDPOINT 8080:80');
  const [endpointName, hostName, networkName] = [endpoints, hosts, networks].map(namesById) as [
    (id: string) => string,
    (id: string) => string,
    (id: string) => string,
  ];
  printTable<Publication>(
    world,
    [
      { title: 'ENDPOINT', cell: ({ endpoint }) => endpointName(endpoint) },
      { title: 'NETWORK', cell: ({ network }) => networkName(network) },
      { title: 'HOST', cell: ({ host }) => hostName(host) },
      { title: 'PORT', cell: (publication) => formatMapping(publication as unknown as Mapping) },
    ],
    publications,
  );
}
