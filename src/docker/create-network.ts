import type { Cidr } from '#model/cidr.ts';
import { type Fault, fault, isRejection } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Network } from '#model/records.ts';
import { type DriverParts, findNetwork } from './driver-parts.ts';
import type { DockerNetwork } from './network-book.ts';
import { NETWORK_OPTION } from './network-options.ts';
import { PluginError, refuse, refuseAsDocker } from './plugin-error.ts';
import { formatPoolId } from './pool-id.ts';
import { type AskedNetwork, commandFor, differences, hasSubnets, readNetwork } from './read-network.ts';
import type { CreateNetworkRequest } from './requests.ts';

/**
 * A network of Docker's comes to be. Which of Weft's it is, Docker tells only in the options; without them its name is
 * asked for afterwards (settle-networks.ts), and all that can be wrong but the name is found here, since an error
 * leaves nothing behind in Docker only now. Idempotent by Docker's id.
 */
export async function createNetwork(parts: DriverParts, request: CreateNetworkRequest): Promise<void> {
  const { book, kick } = parts;
  if (book.get(request.NetworkID)) return;
  const asked = readNetwork(request, parts);
  if (isRejection(asked)) throw refuseAsDocker(asked);
  const { name } = asked.options;
  const copy = { ...asked.copy, chosen: chosenOf(parts, asked.copy) };
  if (name !== undefined) book.expected.add(name);
  try {
    const network = await findOrMake(parts, { ...asked, copy });
    const named = network !== undefined && isNamed(parts, copy, network.id);
    await book.add({ ...copy, named, network: network?.id });
    if (network) await book.accept(network.id);
    releasePools(parts, copy, network?.id);
  } finally {
    if (name !== undefined) book.expected.delete(name);
  }
  kick();
}

function releasePools(
  { pools, door }: DriverParts,
  { subnets }: DockerNetwork,
  network: Id | undefined,
): void {
  for (const cidr of subnets) {
    pools.delete(formatPoolId({ host: door.host, cidr }));
    pools.delete(formatPoolId({ host: door.host, network, cidr }));
  }
}

/** Undefined as long as only Docker knows its name. */
async function findOrMake(parts: DriverParts, { options, copy }: AskedNetwork): Promise<Network | undefined> {
  const { door } = parts;
  if (options.network !== undefined) return joinNamed(parts, options.network, options.name, copy);
  checkPools(parts, copy);
  const known = options.name === undefined ? undefined : findNetwork(door, options.name);
  if (known) return join(parts, known, copy);
  const words = wordsOf(copy, options.name ?? `docker-${copy.dockerId.slice(0, 12)}`);
  if (options.name !== undefined) {
    const made = await door.createNetwork(words);
    if (!isRejection(made)) return made;
    // On another host at the same time.
    const meanwhile = findNetwork(door, options.name);
    if (meanwhile) return join(parts, meanwhile, copy);
    throw refuseAsDocker(made);
  }
  // It may turn out to be one that exists, whose VNI for one is taken: by itself.
  if (door.networks().some((network) => mayBe(parts, network, copy))) return undefined;
  const tried = await door.tryNetwork(words);
  if (isRejection(tried)) throw refuseAsDocker(tried, { id: words.name, name: 'a new one' });
  return undefined;
}

/** Without a subnet that was asked for, any is a candidate that this Docker lacks and that has all else as it is asked for. */
const mayBe = ({ book }: DriverParts, network: Network, copy: DockerNetwork): boolean =>
  hasSubnets(network, copy) &&
  (!copy.chosen?.length || (!book.copyOf(network.id) && differences(network, copy.words).length === 0));

export const wordsOf = ({ subnets, words }: DockerNetwork, name: string) => ({
  ...words,
  name,
  subnets,
  allowOverlap: words.allowOverlap ?? false,
});

function joinNamed(parts: DriverParts, word: string, name: string | undefined, copy: DockerNetwork): Network {
  const network = findNetwork(parts.door, word);
  const field = `-o ${NETWORK_OPTION}`;
  if (!network)
    throw refuse(fault(field, word, 'is not a network of Weft', 'see `weft network ls` for those there are'));
  if (name !== undefined && name !== network.name)
    throw refuse(fault('-o weft.name', name, `is not the name of network ${network.name}`, 'leave it out'));
  return join(parts, network, copy);
}

function join({ book, driver }: DriverParts, network: Network, copy: DockerNetwork): Network {
  const faults: Fault[] = [];
  if (!hasSubnets(network, copy))
    faults.push(
      fault(
        '--subnet',
        copy.subnets.join(', '),
        `is not what network ${network.name} has`,
        commandFor(network, driver),
      ),
    );
  faults.push(...differences(network, copy.words));
  if (faults.length > 0) throw refuse(...faults);
  checkOnlyCopy(book.copyOf(network.id), network, copy.dockerId);
  return network;
}

function checkOnlyCopy(other: DockerNetwork | undefined, network: Network, dockerId: string): void {
  if (!other || other.dockerId === dockerId) return;
  throw new PluginError(
    `network ${network.name} is in this Docker already, as ${other.dockerId.slice(0, 12)}: use that one, it is the same network`,
  );
}

/** Pools that were asked for by name are of a network that this request does not name. */
function checkPools({ door, pools }: DriverParts, { subnets }: DockerNetwork): void {
  for (const cidr of subnets)
    for (const { id, name } of door.networks())
      if (isAwaited(pools, door.host, id, cidr))
        throw refuse(
          fault(
            `-o ${NETWORK_OPTION}`,
            '',
            `is not given, unlike --ipam-opt ${NETWORK_OPTION}=${name}`,
            `add -o ${NETWORK_OPTION}=${name}`,
          ),
        );
}

const chosenOf = ({ door: { host }, pools }: DriverParts, { subnets }: DockerNetwork): Cidr[] =>
  subnets.filter((cidr) => pools.isChosen(formatPoolId({ host, cidr })));

/** Whether Docker told both drivers of its network: of one that only this one was told of, the pools name none. */
const isNamed = ({ door: { host }, pools }: DriverParts, copy: DockerNetwork, network: Id): boolean =>
  copy.named &&
  copy.subnets.every(
    (cidr) => pools.has(formatPoolId({ host, network, cidr })) || !pools.has(formatPoolId({ host, cidr })),
  );

const isAwaited = (pools: DriverParts['pools'], host: Id, network: Id, cidr: Cidr): boolean =>
  pools.has(formatPoolId({ host, network, cidr })) && !pools.has(formatPoolId({ host, cidr }));
