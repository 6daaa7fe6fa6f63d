import http from 'node:http';
import https from 'node:https';
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import {
  codeFromHttpStatus,
  endStreamFromJson,
  errorFromJsonBytes,
} from '@connectrpc/connect/protocol-connect';
import { NOT_TAKEN, NOT_TRUSTED, RAN_OUT } from '#api/distrust.ts';
import { END_OF_STREAM, EnvelopeReader, enveloped } from './envelope.ts';
import { readWhole } from './read-whole.ts';
import { isOfTls } from './tls.ts';

/** Where to, by which agent, and what every request says of us. */
export interface Way {
  readonly isSecure: boolean;
  /** Until when our own certificate is one. */
  readonly validTo?: Date;
  readonly options: http.RequestOptions;
  readonly headers: http.OutgoingHttpHeaders;
}

/** Nothing of ours is told in headers. */
const NONE = new Headers();

/** The Connect protocol over HTTP/1.1 from the asking end: see answer-calls.ts. */
export const createTransport = (way: Way): Transport => ({
  async unary(method, signal, timeoutMs, _header, input) {
    const post = new Post(way, method, 'application/proto', bytesOf(method.input, input), signal, timeoutMs);
    const message = fromBinary(method.output, await post.whole());
    return { stream: false, service: method.parent, method, header: NONE, trailer: NONE, message };
  },
  async stream(method, signal, timeoutMs, _header, input) {
    const parts: Buffer[] = [];
    for await (const message of input) parts.push(enveloped(0, bytesOf(method.input, message)));
    const post = new Post(way, method, 'application/connect+proto', Buffer.concat(parts), signal, timeoutMs);
    const message = post.messages(method.output);
    return { stream: true, service: method.parent, method, header: NONE, trailer: NONE, message };
  },
});

const bytesOf = <T extends DescMessage>(schema: T, message: MessageInitShape<T>): Uint8Array =>
  toBinary(schema, create(schema, message));

/** One request and its answer. Whatever goes wrong is a ConnectError. */
class Post {
  private readonly request: http.ClientRequest;
  private readonly response: Promise<http.IncomingMessage>;
  private readonly signal: AbortSignal | undefined;
  private readonly timer: NodeJS.Timeout | undefined;
  private failure: ConnectError | undefined;
  private readonly onAbort = () => this.fail(ConnectError.from(this.signal!.reason, Code.Canceled));

  constructor(
    { isSecure, validTo, options, headers }: Way,
    { parent, name }: DescMethod,
    type: string,
    body: Uint8Array,
    signal?: AbortSignal,
    timeoutMs?: number,
  ) {
    this.request = (isSecure ? https : http).request({
      ...options,
      method: 'POST',
      path: `/${parent.typeName}/${name}`,
      headers: { ...headers, 'content-type': type, 'content-length': body.length },
    });
    this.response = new Promise((resolve, reject) => {
      this.request.on('response', resolve).on('error', (error) => {
        const isUnanswered = isSecure && !this.request.reusedSocket && isReset(error);
        const explained = isUnanswered ? unanswered(error, validTo) : isSecure && untrusted(error);
        reject(this.failure ?? (explained || asConnectError(error)));
      });
    });
    if (timeoutMs !== undefined) {
      const text = `nothing came within ${timeoutMs / 1000} s`;
      const late = () => this.fail(new ConnectError(text, Code.DeadlineExceeded));
      this.timer = setTimeout(late, timeoutMs);
    }
    this.signal = signal;
    if (signal?.aborted) this.onAbort();
    else signal?.addEventListener('abort', this.onAbort);
    this.request.end(body);
  }

  async whole(): Promise<Buffer> {
    try {
      const response = await this.response;
      const bytes = await readWhole(response);
      if (response.statusCode !== 200) throw refusal(response, bytes);
      return bytes;
    } catch (error) {
      throw this.failure ?? asConnectError(error);
    } finally {
      this.end();
    }
  }

  async *messages<T extends DescMessage>(schema: T): AsyncGenerator<MessageShape<T>> {
    const reader = new EnvelopeReader();
    try {
      const response = await this.response;
      if (response.statusCode !== 200) throw refusal(response, await readWhole(response));
      for await (const piece of response)
        for (const { flags, bytes } of reader.take(piece)) {
          if (!(flags & END_OF_STREAM)) yield fromBinary(schema, bytes);
          else return throwIfAny(endStreamFromJson(bytes).error);
        }
      throw new ConnectError('the stream broke off', Code.Aborted);
    } catch (error) {
      throw this.failure ?? asConnectError(error);
    } finally {
      this.end();
    }
  }

  private fail(failure: ConnectError): void {
    this.failure ??= failure;
    this.request.destroy(failure);
  }

  private end(): void {
    clearTimeout(this.timer);
    this.signal?.removeEventListener('abort', this.onAbort);
  }
}

function refusal({ statusCode = 0 }: http.IncomingMessage, bytes: Buffer): ConnectError {
  const unexplained = new ConnectError(`HTTP ${statusCode}`, codeFromHttpStatus(statusCode));
  return errorFromJsonBytes(bytes, undefined, unexplained);
}

function throwIfAny(error: ConnectError | undefined): void {
  if (error) throw error;
}

const CODES: Readonly<Record<string, Code>> = {
  ECONNRESET: Code.Aborted,
  ERR_STREAM_DESTROYED: Code.Aborted,
  ECONNREFUSED: Code.Unavailable,
  ENOTFOUND: Code.Unavailable,
  EAI_AGAIN: Code.Unavailable,
  ETIMEDOUT: Code.Unavailable,
};

/** Or told by TLS that it was not taken. */
const isReset = ({ code = '' }: NodeJS.ErrnoException): boolean =>
  code === 'ECONNRESET' || code.includes('_ALERT_');

/** By TLS 1.3 whose certificate is not taken hears so after his part of the handshake, and from Node by the end of it all. */
const unanswered = (cause: Error, validTo?: Date): ConnectError =>
  validTo && validTo.getTime() < Date.now()
    ? refused(`${RAN_OUT} at ${validTo.toISOString()}`, Code.Unavailable, cause)
    : refused(
        `the connection ended without an answer: the other side went away, or its log says why it ${NOT_TAKEN}`,
        Code.Aborted,
        cause,
      );

function untrusted(cause: NodeJS.ErrnoException): ConnectError | undefined {
  if (!isOfTls(cause.code)) return undefined;
  return refused(`${NOT_TRUSTED}: ${cause.message}`, Code.Unavailable, cause);
}

const refused = (text: string, code: Code, cause: Error): ConnectError =>
  new ConnectError(text, code, undefined, undefined, cause);

function asConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const asOurs = ConnectError.from(
    error,
    CODES[(error as NodeJS.ErrnoException).code ?? ''] ?? Code.Internal,
  );
  asOurs.cause = error;
  return asOurs;
}
