import type { Logger } from 'pino';
import type { HostDoor } from '#api/door.ts';
import { EngineApi } from './engine-api.ts';
import { followEngine } from './follow-engine.ts';
import { NameFollower } from './follow-names.ts';
import { ipamDriver } from './ipam-driver.ts';
import { NetworkBook } from './network-book.ts';
import { networkDriver } from './network-driver.ts';
import { plainMethod } from './plugin-method.ts';
import { servePlugin } from './plugin-server.ts';
import { PoolTable } from './pool-table.ts';
import { prunedNetworks } from './pruned-networks.ts';
import { Rounds } from './rounds.ts';
import { EndpointSweep } from './sweep-endpoints.ts';
import { NetworkSync } from './sync-networks.ts';

export interface DockerDoorParts {
  readonly door: HostDoor;
  /** Where dockerd looks for a plugin of this name. */
  readonly pluginSocket: string;
  /** What Docker calls the drivers there. */
  readonly driver: string;
  /** Of Docker's engine, which need not be there. */
  readonly engineSocket: string;
  /** Never goes back. */
  readonly nowMs: () => number;
  readonly log: Logger;
}

export interface DockerDoor {
  close(): Promise<void>;
}

/** By then dockerd has its answer, and waits for the kernel: it would first answer us. */
const ASK_AFTER_MS = 5;

/** Docker's way into Weft: its drivers on a socket, and what is to be asked of the engine beside them. */
export async function openDockerDoor(parts: DockerDoorParts): Promise<DockerDoor> {
  const { door, pluginSocket, driver, engineSocket, nowMs, log } = parts;
  const api = new EngineApi(engineSocket);
  const book = new NetworkBook(door.notes);
  const names = new NameFollower(door, api, log);
  const sweep = new EndpointSweep({ door, book, api }, log, nowMs);
  const engine = { socket: engineSocket, isThere: () => rounds.hasEngine };
  const pools = new PoolTable(nowMs);
  const drivers = { door, book, pools, driver, engine, kick: () => rounds.kick() };
  const sync = new NetworkSync({ ...drivers, api, log, nowMs });
  const rounds = new Rounds(sync, sweep, log, nowMs);
  const server = await servePlugin(
    pluginSocket,
    {
      'Plugin.Activate': plainMethod({ Implements: ['NetworkDriver', 'IpamDriver'] }),
      ...networkDriver({
        ...drivers,
        onJoin: (network, handle) => void setTimeout(() => void names.join(network, handle), ASK_AFTER_MS),
      }),
      ...ipamDriver(drivers),
    },
    log,
  );
  log.info({ socket: pluginSocket, driver }, 'Docker finds its network and IPAM driver there');
  const end = new AbortController();
  const acceptPruned = async () => {
    try {
      const removals = await api.pastRemovals();
      await book.acceptPruned(prunedNetworks(removals, (dockerId) => book.isMissed(dockerId)));
      rounds.kick();
    } catch (error) {
      log.debug({ reason: (error as Error).message }, 'Docker does not say what was pruned');
    }
  };
  const stopWatching = door.watchNetworks(() => rounds.kick());
  const following = followEngine(api, {
    log,
    signal: end.signal,
    onStart: () => {
      sync.engineIsThere();
      rounds.engineIsThere();
      void acceptPruned();
      void names.renewAll().catch(() => undefined);
    },
    onEvent: (event) => {
      names.hear(event);
      if (event.Type === 'network' && event.Action === 'prune') void acceptPruned();
      if (event.Type === 'network' && (event.Action === 'create' || event.Action === 'destroy'))
        rounds.kick();
    },
    onEnd: () => {
      pools.clear();
      rounds.engineIsGone();
    },
  });
  return {
    async close() {
      end.abort();
      stopWatching();
      rounds.stop();
      await server.close();
      await following;
    },
  };
}
