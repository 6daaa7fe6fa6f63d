import type { Logger } from 'pino';
import type { FollowMessage } from '#api/follow-message.ts';
import type {
  EndpointsResponse,
  FollowResponse,
  Life as LifeMessage,
} from '#api/gen/weft/v1/controller_pb.ts';
import { rejectionFromError, rejectionFromWire } from '#api/rejection.ts';
import { changeFromWire, endpointToWire, recordFromWire } from '#api/wire-records.ts';
import { statusToWire } from '#api/wire-status.ts';
import type { Underlay } from '#kernel/underlay.ts';
import { fault, isRejection, type Rejection, reject } from '#model/fault.ts';
import type { HostStatus } from '#model/host-status.ts';
import { type Id, isId } from '#model/id.ts';
import type { Life } from '#model/life.ts';
import type { Endpoint, Host, Revision, Station, StoredRecord } from '#model/records.ts';
import type { AcquireBlocks, AttachEndpoint, DetachEndpoint } from '#model/wish.ts';
import type { Clients } from '#transport/client.ts';
import type { AttachGrant } from './event.ts';
import { gather } from './gather.ts';

/** A connection can die without a word (its other end lost power): then nobody answers, and nobody says so. */
export const CALL_LIMIT_MS = 15_000;
const PATIENCE = { timeoutMs: CALL_LIMIT_MS };
/** Endpoints in one call: some hundred bytes each, and one with many long aliases 11 KiB, of a request's one MiB. */
const MOST_TOLD = 80;

/** What registration says of this host. */
export type HostWords = Pick<Host, 'name' | 'underlay' | 'labels' | 'facts'>;

export const underlayOf = ({
  underlay,
  facts: { underlayMtu, underlayInterfaces },
}: HostWords): Underlay => ({
  addresses: underlay,
  mtu: underlayMtu,
  interface: underlayInterfaces[0] ?? '',
});

/** Not what comes and goes by the minute, such as other programs' ports. */
export const whereTunnelsEnd = ({ addresses, mtu, interface: name }: Underlay): string =>
  JSON.stringify([addresses, mtu, name]);

/** The agent's end of the wire: calls the controller, and turns its words into plain values. */
export class Uplink {
  private readonly clients: Clients;
  private readonly address: string;
  private readonly log: Logger;
  private session: AbortController | undefined;
  private readonly telling = new Set<Promise<unknown>>();
  private readonly publishSome = gather(MOST_TOLD, (endpoints: readonly Endpoint[]) =>
    this.tell(
      endpoints.map(({ name }) => name),
      () => this.clients.controller.publishEndpoints({ endpoints: endpoints.map(endpointToWire) }, PATIENCE),
    ),
  );
  private readonly detachSome = gather(MOST_TOLD, (wishes: readonly DetachEndpoint[]) =>
    this.tell(
      wishes.map(({ endpoint }) => endpoint),
      () =>
        this.clients.controller.detachEndpoints(
          { endpoints: wishes.map(({ endpoint, generation }) => ({ endpoint, generation })) },
          PATIENCE,
        ),
    ),
  );

  constructor(clients: Clients, address: string, log: Logger) {
    this.clients = clients;
    this.address = address;
    this.log = log;
  }

  /** Begins a session. Throws a ConnectError when refused or unreachable. */
  async register(id: Id, words: HostWords): Promise<void> {
    const { signal } = this.beginSession();
    await this.clients.controller.registerHost(registrationOf(id, words), { signal });
  }

  /** What this host is has changed; the session goes on. Throws a ConnectError as `register` does. */
  async correct(id: Id, words: HostWords): Promise<void> {
    await this.clients.controller.registerHost(registrationOf(id, words), PATIENCE);
  }

  /** Follows until the session ends; throws why. Parts of a snapshot are handed on as one. */
  async follow(host: string, hear: (message: FollowMessage) => void): Promise<void> {
    const { signal } = this.session ?? this.beginSession();
    let records: StoredRecord[] = [];
    for await (const response of this.clients.controller.follow({ host }, { signal })) {
      const { message } = response;
      if (message.case !== 'snapshot') {
        const heard = heardFromWire(response);
        if (heard) hear(heard);
        continue;
      }
      const { first, last, revision, lives } = message.value;
      if (first) records = [];
      for (const record of message.value.records) records.push(recordFromWire(record));
      if (last)
        hear({ message: 'snapshot', records, revision: Number(revision), lives: livesFromWire(lives) });
    }
  }

  private beginSession(): AbortController {
    this.session = new AbortController();
    return this.session;
  }

  /** Ends the session as if the connection had broken. */
  disconnect(reason: string): void {
    this.session?.abort(new Error(reason));
  }

  async attach({ wish, ...words }: AttachEndpoint): Promise<AttachGrant | Rejection> {
    return this.ask('network', words.network, async () => {
      const { addresses, aliases, newBlockIn = [], held = [] } = words;
      const answer = await this.clients.controller.attachEndpoint(
        {
          ...words,
          ...{ addresses: [...addresses], aliases: [...aliases] },
          ...{ newBlockIn: [...newBlockIn], held: [...held] },
        },
        PATIENCE,
      );
      const endpoint = recordFromWire(answer.subject);
      if (endpoint.kind !== 'endpoint') throw new Error(`got a ${endpoint.kind}`);
      const notices = answer.notices.map(({ code, title, sentence, next }) => ({
        code,
        title,
        sentence,
        next,
      }));
      return { endpoint, revision: Number(answer.revision), notices };
    });
  }

  /** The revision at which the controller has it. */
  publish(endpoint: Endpoint): Promise<Revision | Rejection> {
    return this.noteTelling(this.publishSome(endpoint));
  }

  /** Undefined is success. */
  async detach(wish: DetachEndpoint): Promise<Rejection | undefined> {
    const outcome = await this.noteTelling(this.detachSome(wish));
    return isRejection(outcome) ? outcome : undefined;
  }

  /** One answer for each, also when the controller cannot be reached. */
  private async tell(
    names: readonly string[],
    call: () => Promise<EndpointsResponse>,
  ): Promise<readonly (Revision | Rejection)[]> {
    const answer = await this.ask('endpoint', names.join(', '), call);
    if (isRejection(answer)) return names.map(() => answer);
    return names.map((name, place) => {
      const { revision, refused } = answer.outcomes[place] ?? {};
      if (refused) return rejectionFromWire(refused) ?? unanswered(name);
      return revision ? Number(revision) : unanswered(name);
    });
  }

  /** What came of it is told to whoever follows. */
  async acquireBlocks({ wish, ...words }: AcquireBlocks): Promise<void> {
    await this.ask('network', words.network, () =>
      this.clients.controller.acquireBlocks({ ...words, subnets: [...words.subnets] }, PATIENCE),
    );
  }

  /** The revision at which the controller has them. */
  async returnBlocks(network: Id, host: string): Promise<Revision | Rejection> {
    return this.ask('network', network, async () => {
      const { revision } = await this.clients.controller.returnBlocks({ network, host }, PATIENCE);
      return Number(revision);
    });
  }

  /** The revision at which the controller has them. */
  async publishStations(adoption: Id, stations: readonly Station[]): Promise<Revision | Rejection> {
    return this.ask('adoption', adoption, async () => {
      const words = stations.map(({ mac, addresses, generation }) => ({
        ...{ mac, generation },
        addresses: [...addresses],
      }));
      const { revision } = await this.clients.controller.publishStations(
        { adoption, stations: words },
        PATIENCE,
      );
      return Number(revision);
    });
  }

  async reportStatus(status: HostStatus): Promise<void> {
    await this.clients.controller.reportStatus({ status: statusToWire(status) }, PATIENCE).catch((error) => {
      this.log.debug({ error: String(error) }, 'status not delivered');
    });
  }

  /** Resolves when the controller has been told of the endpoints that came and went so far, or could not be. */
  async told(): Promise<void> {
    await Promise.all(this.telling);
    // A detach is not told before its attach has been.
    await Promise.all(this.telling);
  }

  /** What {@link told} waits for. */
  private noteTelling<T>(telling: Promise<T>): Promise<T> {
    this.telling.add(telling);
    void telling.then(() => this.telling.delete(telling));
    return telling;
  }

  /** A refusal is data; whatever else goes wrong means that the controller is out of reach. */
  private async ask<T>(field: string, value: string, call: () => Promise<T>): Promise<T | Rejection> {
    try {
      return await call();
    } catch (error) {
      const rejection = rejectionFromError(error);
      if (rejection) return rejection;
      const problem = `needs the controller at ${this.address}, which does not answer (${(error as Error).message})`;
      return reject(
        'unavailable',
        fault(field, value, problem, 'start the controller, or see `weft status`'),
      );
    }
  }
}

/** Of what is said this program understands nothing. */
const unanswered = (name: string): Rejection =>
  reject(
    'unavailable',
    fault('endpoint', name, 'is not answered for by the controller', 'upgrade this program'),
  );

const livesFromWire = (lives: readonly LifeMessage[]): Life[] =>
  lives.flatMap(({ id, from }) => (isId(id) ? { id, from: Number(from) } : []));

function heardFromWire({ message }: FollowResponse): FollowMessage | undefined {
  if (message.case === 'beat') return { message: 'beat', revision: Number(message.value.revision) };
  if (message.case !== 'delta') return undefined;
  const { changes, forgottenNetworks, revision } = message.value;
  return {
    message: 'delta',
    changes: changes.map(changeFromWire),
    forgottenNetworks: forgottenNetworks.filter(isId),
    revision: Number(revision),
  };
}

function registrationOf(id: Id, { name, underlay, labels, facts }: HostWords) {
  const { underlayMtu, takenPorts, routes, underlayInterfaces } = facts;
  return {
    ...{ id, name, underlay: [...underlay], labels: { ...labels } },
    facts: {
      underlayMtu,
      takenPorts: [...takenPorts],
      routes: [...routes],
      underlayInterfaces: [...underlayInterfaces],
    },
  };
}
