import type { Logger } from 'pino';
import { type Cidr, cidrFamily, parseCidr } from '#model/cidr.ts';
import { isRejection } from '#model/fault.ts';
import { FAMILIES } from '#model/ip.ts';
import type { Notice } from '#model/notice.ts';
import type { Network } from '#model/records.ts';
import { ADDRESS_SPACE, type DriverParts, findNetwork, heardOf, usualGateway } from './driver-parts.ts';
import { type EngineApi, type EngineNetwork, unlessBroken } from './engine-api.ts';
import { NETWORK_OPTION } from './network-options.ts';
import { planSync, type SyncAction } from './plan-sync.ts';
import { readNetwork } from './read-network.ts';
import { settleNetwork } from './settle-network.ts';

/** Docker stores a network some milliseconds after its driver has; one that it does not have then was given up. */
const AWAITED_MS = 10_000;

export interface SyncParts extends DriverParts {
  readonly api: EngineApi;
  readonly log: Logger;
  readonly nowMs: () => number;
}

/** Makes Docker's networks on this host and Weft's the same, as often as it is asked to. */
export class NetworkSync {
  private readonly parts: SyncParts;
  private readonly awaitedSince = new Map<string, number>();
  private isNewEngine = false;
  /** What was told when a network was made or refused: by its name in Docker, as long as nothing newer is. */
  private readonly lasting = new Map<string, readonly Notice[]>();

  constructor(parts: SyncParts) {
    this.parts = parts;
  }

  /** What an engine before this one was about to make, this one does not have, nor will it. */
  engineIsThere(): void {
    this.isNewEngine = true;
  }

  /** One pass. Gives whether Docker will soon have more to tell. Rejects when Docker cannot be asked. */
  async pass(): Promise<{ readonly again: boolean }> {
    const { api, book, door, driver, pools } = this.parts;
    const docker = await api.networks();
    const { actions, notices } = planSync({
      networks: door.networks(),
      connected: door.isConnected(),
      copies: book.all(),
      declined: book.declined(),
      expected: book.expected,
      pending: pools.cidrs(),
      driver,
      docker,
    });
    const told: Notice[] = [...notices];
    for (const action of actions) told.push(...(await this.perform(action)));
    this.isNewEngine = false;
    door.showNotices([...told, ...[...this.lasting.values()].flat()]);
    return { again: actions.some(({ action }) => action === 'await' || action === 'recover') };
  }

  private async perform(step: SyncAction): Promise<readonly Notice[]> {
    const { api, book } = this.parts;
    switch (step.action) {
      case 'yield': {
        const notices = await this.remove(step.docker, 'Docker has made one of that name meanwhile');
        // A removal is otherwise somebody's word that it is to stay away.
        await book.accept(step.network);
        return notices;
      }
      case 'recover':
        return this.recover(step.docker);
      case 'settle': {
        const notices = await settleNetwork(this.parts, api, step.copy, step.docker);
        const passing = notices.filter(({ code }) => code === 'docker-network-pending');
        this.lasting.set(
          step.docker.Name,
          notices.filter((notice) => !passing.includes(notice)),
        );
        return passing;
      }
      case 'see':
        this.awaitedSince.delete(step.copy.dockerId);
        await book.update(step.copy.dockerId, { engine: step.engine });
        return [];
      case 'await':
        return this.await(step.copy.dockerId);
      case 'forget':
        await book.miss(step.copy.dockerId, step.decline);
        return [];
      case 'remove':
        return this.remove(step.docker, 'it is gone from Weft');
      case 'make':
        return this.make(step.network);
      case 'accept':
        await book.accept(step.network);
        return [];
    }
  }

  private async await(dockerId: string): Promise<readonly Notice[]> {
    const { book, nowMs } = this.parts;
    const since = this.awaitedSince.get(dockerId) ?? nowMs();
    this.awaitedSince.set(dockerId, since);
    if (!this.isNewEngine && nowMs() - since < AWAITED_MS) return [];
    this.awaitedSince.delete(dockerId);
    await book.forget(dockerId);
    return [];
  }

  /** Docker has a network of this driver that nothing is known of: as if it had just been made. */
  private async recover(docker: EngineNetwork): Promise<readonly Notice[]> {
    const { door, book, driver, log } = this.parts;
    const pools = (docker.IPAM?.Config ?? []).map(({ Subnet, Gateway }) => ({
      AddressSpace: docker.IPAM?.Driver === driver ? ADDRESS_SPACE : (docker.IPAM?.Driver ?? ''),
      Pool: Subnet ?? '',
      Gateway: Gateway ?? '',
      AuxAddresses: undefined,
    }));
    const options = {
      'com.docker.network.generic': docker.Options ?? {},
      'com.docker.network.internal': docker.Internal ?? false,
    };
    const request = { NetworkID: docker.Id, Options: options, IPv4Data: pools, IPv6Data: [] };
    const asked = readNetwork(request, this.parts);
    if (isRejection(asked)) return [unknownNotice(docker)];
    const { network: word } = asked.options;
    const network = word === undefined ? undefined : findNetwork(door, word);
    if (word !== undefined && !network && !door.isConnected()) return [];
    log.info({ docker: docker.Name, network: network?.name }, 'a network of Docker that was forgotten');
    const named = docker.IPAM?.Options?.[NETWORK_OPTION] !== undefined;
    await book.add({ ...asked.copy, chosen: chosenIn(docker), named, network: network?.id });
    return [];
  }

  private async remove({ Id, Name }: EngineNetwork, why: string): Promise<readonly Notice[]> {
    try {
      await this.parts.api.removeNetwork(Id);
      this.parts.log.info({ network: Name }, `removed from Docker: ${why}`);
      return [];
    } catch (error) {
      return [
        unlessBroken(
          error,
          'docker-network-left',
          `Docker's network ${Name} is to be removed: ${why}`,
          `docker network rm ${Id.slice(0, 12)}, when nothing uses it any more.`,
        ),
      ];
    }
  }

  private async make(network: Network): Promise<readonly Notice[]> {
    const { api, door, driver, log } = this.parts;
    // It may have gone while those before it were made.
    if (!heardOf(door, network.id)) return [];
    try {
      await api.createNetwork(wordsFor(network, driver));
      log.info({ network: network.name }, 'made in Docker');
      return [];
    } catch (error) {
      return [
        unlessBroken(
          error,
          'docker-network-missing',
          `Network ${network.name} is not in this host's Docker`,
          'Put right what Docker says; Weft tries again.',
        ),
      ];
    }
  }
}

/**
 * The subnets that nobody asked for: Docker lists those with the gateway that it was offered, and those that its user
 * gave as they were given. With `--gateway` they may have been asked for all the same: see `chooseNetwork`.
 */
const chosenIn = ({ IPAM }: EngineNetwork): Cidr[] =>
  (IPAM?.Config ?? []).flatMap(({ Subnet, Gateway }) => {
    const cidr = parseCidr(Subnet ?? '');
    return cidr.ok && Gateway?.split('/')[0] === usualGateway(cidr.value) ? [cidr.value] : [];
  });

/**
 * `docker network create`, as the Engine API takes it: 20.10 makes two of one name unless it is told to look. Not
 * attachable: to this driver's networks that means nothing, but an engine that leaves a swarm disconnects every container
 * from those that are, whatever their driver.
 */
const wordsFor = ({ id, name, subnets, internal, labels }: Network, driver: string): object => {
  const [has4, has6] = FAMILIES.map((family) => subnets.some(({ cidr }) => cidrFamily(cidr) === family));
  return {
    Name: name,
    CheckDuplicate: true,
    Driver: driver,
    Internal: internal,
    ...(!has4 && { EnableIPv4: false }),
    EnableIPv6: has6,
    IPAM: {
      Driver: driver,
      Options: { [NETWORK_OPTION]: id },
      Config: subnets.map(({ cidr, gateway }) => ({ Subnet: cidr, Gateway: gateway })),
    },
    Options: { [NETWORK_OPTION]: id },
    Labels: labels,
  };
};

const unknownNotice = ({ Name }: EngineNetwork): Notice => ({
  code: 'docker-network-unknown',
  title: `Docker's network ${Name} is none of Weft's`,
  sentence: 'It has the driver weft, and addresses or options that Weft does not know.',
  next: `docker network rm ${Name}, and make it again.`,
});
