import { isRejection, type Rejection } from '#model/fault.ts';
import type { Notice } from '#model/notice.ts';
import type { Network } from '#model/records.ts';
import { wordsOf } from './create-network.ts';
import { type DriverParts, findNetwork } from './driver-parts.ts';
import { type EngineApi, type EngineNetwork, unlessBroken } from './engine-api.ts';
import type { DockerNetwork } from './network-book.ts';
import { differences, hasSubnets } from './read-network.ts';

/** A name can be taken between the look and the try, by another host with the same Compose file for one. */
const TRIES = 5;
/** What Weft's records take (see intent/create-network.ts). */
const [MAX_LABELS, MAX_LABEL_KEY, MAX_LABEL_VALUE] = [64, 256, 1024];

/**
 * Docker has told a new network's name: it is the network of Weft that has the same name and subnets, or a new one.
 * Gives what its user should know.
 */
export async function settleNetwork(
  parts: DriverParts,
  api: EngineApi,
  copy: DockerNetwork,
  docker: EngineNetwork,
): Promise<Notice[]> {
  for (let tries = 1; ; tries++) {
    if (!parts.book.isKept(copy.dockerId)) return [];
    const choice = chooseNetwork(parts, validName(docker.Options?.['weft.name'] ?? docker.Name), copy);
    const network =
      typeof choice === 'string'
        ? await parts.door.createNetwork({ ...wordsOf(copy, choice), labels: labelsOf(docker) })
        : choice;
    if (!isRejection(network)) {
      // Removed by its user before it was known which it is: so that could not be noted then.
      if (!(await parts.book.update(copy.dockerId, { network: network.id }))) {
        await parts.book.decline(network.id, copy.dockerId);
        return [];
      }
      await parts.book.accept(network.id);
      return differences(network, copy.words).map((fault) => ignoredNotice(docker, fault));
    }
    const isMeanwhileTaken = typeof choice === 'string' && findNetwork(parts.door, choice) !== undefined;
    if (isMeanwhileTaken && tries < TRIES) continue;
    return refused(api, docker, network);
  }
}

/**
 * The one to join, or the name for a new one: with a number behind it when others have it for another subnet. One that
 * has these very subnets comes first: of a network that was forgotten, nobody knows for certain who chose them.
 */
export function chooseNetwork(
  { door, book }: Pick<DriverParts, 'door' | 'book'>,
  name: string,
  copy: Pick<DockerNetwork, 'dockerId' | 'subnets' | 'chosen'>,
): Network | string {
  const numbered = (number: number) => (number === 1 ? name : `${name}-${number}`);
  const holders: Network[] = [];
  for (let holder = findNetwork(door, name); holder; holder = findNetwork(door, numbered(holders.length + 1)))
    holders.push(holder);
  const isFree = ({ id, adopts }: Network) => {
    const other = book.copyOf(id);
    return !adopts && (!other || other.dockerId === copy.dockerId);
  };
  const exact = holders.find((each) => isFree(each) && hasSubnets(each, { subnets: copy.subnets }));
  if (exact) return exact;
  // Without a subnet, the name alone says which is meant: one with a number may be anybody's.
  const [first] = holders;
  return first && isFree(first) && hasSubnets(first, copy) ? first : numbered(holders.length + 1);
}

/** Docker lets a network have any name; Weft's are also names in DNS. */
export function validName(name: string): string {
  const valid = name.replace(/[^A-Za-z0-9_.-]/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return valid.slice(0, 120) || 'network';
}

const labelsOf = ({ Labels }: EngineNetwork): Record<string, string> =>
  Object.fromEntries(
    Object.entries(Labels ?? {})
      .filter(([key, value]) => key.length <= MAX_LABEL_KEY && value.length <= MAX_LABEL_VALUE)
      .slice(0, MAX_LABELS),
  );

async function refused(
  api: EngineApi,
  docker: EngineNetwork,
  { reason, faults }: Rejection,
): Promise<Notice[]> {
  const problems = faults.map(({ field, value, problem }) => `${field} "${value}": ${problem}`).join('; ');
  if (reason === 'unavailable')
    return [
      {
        code: 'docker-network-pending',
        title: `Docker's network ${docker.Name} is not yet in Weft`,
        sentence: `Containers cannot join it until the controller has made it: ${problems}.`,
        next: 'See that the controller runs and this host reaches it; the rest happens by itself.',
      },
    ];
  try {
    await api.removeNetwork(docker.Id);
  } catch (error) {
    const title = `Docker's network ${docker.Name} could not be made in Weft: ${problems}`;
    const next = `docker network rm ${docker.Id.slice(0, 12)}, when no container is in it any more.`;
    return [unlessBroken(error, 'docker-network-left', title, next)];
  }
  return [
    {
      code: 'docker-network-refused',
      title: `Docker's network ${docker.Name} was removed again`,
      sentence: `It could not be made in Weft: ${problems}.`,
      next: `${faults.map(({ fix }) => fix).join('; ')}; then make it again.`,
    },
  ];
}

const ignoredNotice = (
  docker: EngineNetwork,
  { field, value, problem }: { field: string; value: string; problem: string },
): Notice => ({
  code: 'docker-option-ignored',
  title: `Docker's network ${docker.Name} joined one that exists`,
  sentence: `${field} "${value}" has no effect: it ${problem}.`,
  next: 'Nothing; or remove it from Docker, and make it with another name or subnet.',
});
