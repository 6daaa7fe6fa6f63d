import http from 'node:http';
import * as z from 'zod';
import type { Notice } from '#model/notice.ts';

/** The engine answers within milliseconds, unless it is starting, or busy with that very container. */
const LIMIT_MS = 5_000;
const MAX_ANSWER_BYTES = 64 << 20;

/** What the engine refused, in its own words. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What Docker itself says no to is told; when it cannot be asked, the whole pass has failed. */
export function unlessBroken(error: unknown, code: string, title: string, next: string): Notice {
  if (!(error instanceof EngineError)) throw error;
  return { code, title, sentence: `Docker says: ${error.message}`, next };
}

const labels = z.record(z.string(), z.string()).nullish();
const ipam = z.looseObject({
  Driver: z.string().nullish(),
  Options: labels,
  Config: z.array(z.looseObject({ Subnet: z.string().nullish(), Gateway: z.string().nullish() })).nullish(),
});
const networkSchema = z.looseObject({
  Id: z.string(),
  Name: z.string(),
  Driver: z.string(),
  Internal: z.boolean().nullish(),
  IPAM: ipam.nullish(),
  Options: labels,
  Labels: labels,
  /** By container, or `ep-` and the endpoint while the container is being started. Only of one network by its id. */
  Containers: z.record(z.string(), z.looseObject({ Name: z.string(), EndpointID: z.string() })).nullish(),
});
export type EngineNetwork = z.output<typeof networkSchema>;

const containerSchema = z.looseObject({
  Id: z.string(),
  Name: z.string(),
  Config: z.looseObject({ Labels: labels, Image: z.string().nullish() }).nullish(),
  NetworkSettings: z
    .looseObject({
      Networks: z
        .record(
          z.string(),
          z.looseObject({
            NetworkID: z.string().nullish(),
            EndpointID: z.string().nullish(),
            Aliases: z.array(z.string()).nullish(),
            DNSNames: z.array(z.string()).nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
});
export type EngineContainer = z.output<typeof containerSchema>;

const eventSchema = z.looseObject({
  Type: z.string(),
  Action: z.string(),
  Actor: z.looseObject({ ID: z.string(), Attributes: labels }),
  timeNano: z.number().optional(),
});
export type EngineEvent = z.output<typeof eventSchema>;

/**
 * Docker's Engine API, as far as Weft asks it. Never from within a plugin call that the answer could wait for: dockerd
 * holds locks meanwhile. Throws EngineError for what the engine refuses, and the socket's own word.
 */
export class EngineApi {
  private readonly socketPath: string;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  async networks(): Promise<EngineNetwork[]> {
    return z.array(networkSchema).parse(await this.call('GET', '/networks'));
  }

  /** Undefined for one that is not there. */
  async network(id: string): Promise<EngineNetwork | undefined> {
    const answer = await unlessAbsent(this.call('GET', `/networks/${encodeURIComponent(id)}`));
    return answer === undefined ? undefined : networkSchema.parse(answer);
  }

  async createNetwork(words: object): Promise<void> {
    await this.call('POST', '/networks/create', words);
  }

  /** The absent is success. */
  async removeNetwork(id: string): Promise<void> {
    await unlessAbsent(this.call('DELETE', `/networks/${encodeURIComponent(id)}`));
  }

  /** Ids, also of those that do not run: their next start asks for their names before they can be inspected. */
  async containers(): Promise<string[]> {
    const list = z
      .array(z.looseObject({ Id: z.string() }))
      .parse(await this.call('GET', '/containers/json?all=true'));
    return list.map(({ Id }) => Id);
  }

  /** Waits while the container is being started. Undefined for one that is not there. */
  async container(idOrName: string): Promise<EngineContainer | undefined> {
    const answer = await unlessAbsent(this.call('GET', `/containers/${encodeURIComponent(idOrName)}/json`));
    return answer === undefined ? undefined : containerSchema.parse(answer);
  }

  /** Tells each event; resolves when the engine ends the stream, rejects when there is none. */
  async follow(
    onStart: () => void,
    onEvent: (event: EngineEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const filters = encodeURIComponent(JSON.stringify({ type: ['container', 'network'] }));
    const response = await this.request('GET', `/events?filters=${filters}`, undefined, signal);
    response.socket.setTimeout(0);
    if (response.statusCode !== 200) throw await errorOf(response);
    onStart();
    let rest = '';
    for await (const chunk of response.setEncoding('utf8')) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const event = readEvent(line);
        if (event) onEvent(event);
      }
    }
  }

  /**
   * Which networks went, and when somebody pruned, oldest first: as far as the engine remembers, which has its last 256
   * events of all kinds, and none of before its own start.
   */
  async pastRemovals(): Promise<EngineEvent[]> {
    const filters = encodeURIComponent(JSON.stringify({ type: ['network'], event: ['destroy', 'prune'] }));
    // Without an end the engine would go on to what happens next. What it has just told is within this millisecond.
    const until = ((Date.now() + 1) / 1000).toFixed(3);
    const response = await this.request('GET', `/events?since=1&until=${until}&filters=${filters}`);
    if (response.statusCode !== 200) throw await errorOf(response);
    return (await bodyOf(response)).split('\n').flatMap((line) => readEvent(line) ?? []);
  }

  private async call(verb: string, path: string, words?: object): Promise<unknown> {
    const response = await this.request(verb, path, words);
    if ((response.statusCode ?? 500) >= 300) throw await errorOf(response);
    const body = await bodyOf(response);
    return body === '' ? null : JSON.parse(body);
  }

  private request(
    method: string,
    path: string,
    words?: object,
    signal?: AbortSignal,
  ): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const body = words && JSON.stringify(words);
      const headers = body
        ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
        : {};
      const request = http.request(
        { socketPath: this.socketPath, method, path, headers, signal, timeout: LIMIT_MS, agent: false },
        resolve,
      );
      request.on('timeout', () => request.destroy(new Error('Docker does not answer'))).on('error', reject);
      request.end(body);
    });
  }
}

async function unlessAbsent(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof EngineError && error.status === 404) return undefined;
    throw error;
  }
}

async function errorOf(response: http.IncomingMessage): Promise<EngineError> {
  const body = await bodyOf(response);
  try {
    return new EngineError(response.statusCode!, String(JSON.parse(body).message));
  } catch {
    return new EngineError(response.statusCode!, body.slice(0, 200));
  }
}

async function bodyOf(response: http.IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) {
    body += chunk;
    if (body.length > MAX_ANSWER_BYTES) throw new Error('Docker answers without end');
  }
  return body;
}

/** What this version does not know is passed over. */
function readEvent(line: string): EngineEvent | undefined {
  try {
    return eventSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
