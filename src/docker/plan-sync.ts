import type { Cidr } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import type { Notice } from '#model/notice.ts';
import type { Network } from '#model/records.ts';
import type { EngineNetwork } from './engine-api.ts';
import type { DockerNetwork } from './network-book.ts';
import { NETWORK_OPTION } from './network-options.ts';
import { commandFor } from './read-network.ts';
import { wayOutNotices } from './way-out.ts';

/** What there is, on all three sides. */
export interface SyncFacts {
  /** Of Weft, as this host has heard. */
  readonly networks: readonly Network[];
  /** The controller is there: what is not heard of is not. */
  readonly connected: boolean;
  readonly copies: readonly DockerNetwork[];
  readonly declined: readonly Id[];
  /** Names of networks that Docker is about to be given. */
  readonly expected: ReadonlySet<string>;
  /** Subnets of networks that Docker is making: under which name, it does not say before it has. */
  readonly pending: readonly Cidr[];
  /** What the networks of Weft have for a driver in this Docker. */
  readonly driver: string;
  /** Of Docker on this host. */
  readonly docker: readonly EngineNetwork[];
}

/** What is to be done for each network of Weft to be in this host's Docker, once, and none beside them. */
export type SyncAction =
  /** Made here while Docker was about to have one of that name: that one stays. */
  | { readonly action: 'yield'; readonly docker: EngineNetwork; readonly network: Id }
  /** What is known of it was lost. */
  | { readonly action: 'recover'; readonly docker: EngineNetwork }
  | { readonly action: 'settle'; readonly copy: DockerNetwork; readonly docker: EngineNetwork }
  | { readonly action: 'see'; readonly copy: DockerNetwork; readonly engine: string }
  /** Docker does not know of it yet, or never will. */
  | { readonly action: 'await'; readonly copy: DockerNetwork }
  | { readonly action: 'forget'; readonly copy: DockerNetwork; readonly decline?: Id }
  | { readonly action: 'remove'; readonly docker: EngineNetwork }
  | { readonly action: 'make'; readonly network: Network }
  | { readonly action: 'accept'; readonly network: Id };

export interface SyncPlan {
  readonly actions: readonly SyncAction[];
  readonly notices: readonly Notice[];
}

/** From what there is alone, whatever happened before: the same facts without differences give nothing to do. */
export function planSync(facts: SyncFacts): SyncPlan {
  const heard = new Map(facts.networks.map((network) => [network.id, network]));
  const inDocker = new Map(facts.docker.map((network) => [network.Id, network]));
  const engine = engineOf(facts.docker);
  const copied = facts.copies.flatMap(({ network }) => (network && heard.get(network)) || []);
  const notices: Notice[] = wayOutNotices(copied, facts.docker);
  return {
    actions: [
      ...facts.copies.flatMap((copy) => yieldName(facts, copy)),
      ...recover(facts),
      ...facts.copies.flatMap((copy) =>
        followCopy(facts, copy, inDocker.get(copy.dockerId), engine, heard, notices),
      ),
      ...make(facts, notices),
      ...(facts.connected
        ? facts.declined
            .filter((id) => !heard.has(id))
            .map((network): SyncAction => ({ action: 'accept', network }))
        : []),
    ],
    notices,
  };
}

/** Docker makes its network `host` with its data directory, and never again. */
const engineOf = (docker: readonly EngineNetwork[]): string =>
  docker.find(({ Driver }) => Driver === 'host')?.Id ?? '';

/** Before Docker 25 two of one name can be, and neither be called by it: if what Weft made is one, it is one too many. */
function yieldName({ docker, driver }: SyncFacts, { dockerId, named, network }: DockerNetwork): SyncAction[] {
  const own = docker.find(({ Id }) => Id === dockerId);
  if (!own || !named || !network) return [];
  const isTwice = docker.some(
    ({ Id, Name, Driver, Options }) =>
      Id !== own.Id && Name === own.Name && Driver === driver && !Options?.[NETWORK_OPTION],
  );
  return isTwice ? [{ action: 'yield', docker: own, network }] : [];
}

const recover = ({ docker, copies, driver }: SyncFacts): SyncAction[] =>
  docker
    .filter(({ Id, Driver }) => Driver === driver && !copies.some(({ dockerId }) => dockerId === Id))
    .map((network) => ({ action: 'recover', docker: network }));

function followCopy(
  { connected, driver }: SyncFacts,
  copy: DockerNetwork,
  docker: EngineNetwork | undefined,
  engine: string,
  heard: ReadonlyMap<Id, Network>,
  notices: Notice[],
): SyncAction[] {
  const network = copy.network && heard.get(copy.network);
  // An agent that has just started, with an old view or none, has yet to hear of it.
  const isGone = connected && !network;
  if (!docker) {
    if (!copy.engine) return [{ action: 'await', copy }];
    // Removed while nobody was there to be told. Of another engine, that was never asked to remove it, no word.
    return [
      { action: 'forget', copy, decline: copy.engine === engine && !isGone ? copy.network : undefined },
    ];
  }
  if (!copy.network) return [{ action: 'settle', copy, docker }];
  if (!network) return isGone ? [{ action: 'remove', docker }] : [];
  if (isApart(docker, network)) notices.push(apartNotice(docker, network, [...heard.values()], driver));
  return copy.engine === engine ? [] : [{ action: 'see', copy, engine }];
}

/** It has another name in Weft, and nobody asked for that. */
const isApart = ({ Name, Options }: EngineNetwork, { name }: Network): boolean =>
  Name.toLowerCase() !== name.toLowerCase() && !Options?.['weft.name'] && !Options?.[NETWORK_OPTION];

function apartNotice(
  { Name }: EngineNetwork,
  network: Network,
  networks: readonly Network[],
  driver: string,
): Notice {
  const other = networks.find(({ name }) => name.toLowerCase() === Name.toLowerCase());
  return {
    code: 'docker-network-apart',
    title: `Docker's network ${Name} is ${network.name} in Weft`,
    sentence: other
      ? `There ${Name} is another network (${other.subnets.map(({ cidr }) => cidr).join(', ')}): containers of the two do not reach each other.`
      : `Weft could not give it that name, so it is ${network.name} in the Docker of other hosts, too, and in names of containers.`,
    next: other
      ? `To be in ${other.name} instead: docker network rm ${Name}, then ${commandFor(other, driver)}.`
      : `Nothing; or docker network rm '${Name}', and make it again: names in Weft have letters, digits, "_", "." and "-" only.`,
  };
}

function* make(facts: SyncFacts, notices: Notice[]): Generator<SyncAction> {
  const copied = new Set(facts.copies.map(({ network }) => network));
  const inDocker = new Set(facts.docker.map(({ Id }) => Id));
  const awaited = facts.copies.filter(({ dockerId, network }) => !network && !inDocker.has(dockerId));
  const pending = new Set([...facts.pending, ...awaited.flatMap(({ subnets }) => subnets)]);
  for (const network of facts.networks) {
    const { id, name, adopts, subnets } = network;
    // An adopted bridge is Docker's own network already, or nothing of Docker's.
    if (adopts || copied.has(id) || facts.declined.includes(id) || facts.expected.has(name)) continue;
    // It is perhaps this very one: its name will tell.
    if (subnets.some(({ cidr }) => pending.has(cidr))) continue;
    const holder = facts.docker.find(({ Name }) => Name === name);
    if (!holder) yield { action: 'make', network };
    else if (
      facts.copies.some(({ dockerId, network }) => dockerId === holder.Id && network !== undefined) ||
      holder.Driver !== facts.driver
    )
      notices.push({
        code: 'docker-name-taken',
        title: `Network ${name} is not in this host's Docker`,
        sentence: `Docker has another network of that name, with driver ${holder.Driver}.`,
        next: `docker network rm ${name}, and Weft makes its own; or leave it, if this host needs none of it.`,
      });
  }
}
