import type http from 'node:http';
import {
  create,
  type DescMethod,
  type DescService,
  fromBinary,
  fromJsonString,
  type Message,
  toBinary,
  toJsonString,
} from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, type ContextValues } from '@connectrpc/connect';
import { codeToHttpStatus, endStreamToJson, errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import { rejectionToError } from '#api/rejection.ts';
import { WireError } from '#api/wire-records.ts';
import { reject } from '#model/fault.ts';
import { END_OF_STREAM, EnvelopeReader, enveloped } from './envelope.ts';
import { readWhole } from './read-whole.ts';

/*
 * The Connect protocol over HTTP/1.1, as far as we speak it: calls and streams of answers, in binary and in JSON,
 * uncompressed. By hand, since a controller does little else than answering small calls: with connect-node's adapter
 * that took most of its time.
 */

/** Takes implementations of services, as Connect's router does. */
export type Router = Pick<ConnectRouter, 'service'>;

/** Decides on a request before it is read: on whose behalf it comes. Throws ConnectError. */
export type Admit = (request: http.IncomingMessage) => ContextValues;

interface Call {
  readonly method: DescMethod;
  readonly answer: (message: Message, context: Context) => unknown;
}

interface Format {
  readonly type: string;
  readonly isStream: boolean;
  readonly read: (schema: DescMethod['input'], bytes: Buffer) => Message;
  readonly write: (schema: DescMethod['output'], message: Message) => Uint8Array;
}

type Answering = (
  call: Call,
  format: Format,
  admit: Admit,
  request: http.IncomingMessage,
  response: http.ServerResponse,
) => Promise<void>;

/** Larger requests are refused before they are read whole. */
const MAX_REQUEST_BYTES = 1 << 20;

const BINARY = { read: fromBinary, write: toBinary };
const JSON_TEXT: Pick<Format, 'read' | 'write'> = {
  read: (schema, bytes) => fromJsonString(schema, bytes.toString(), { ignoreUnknownFields: true }),
  write: (schema, message) => Buffer.from(toJsonString(schema, message)),
};
const FORMATS = new Map(
  [
    { type: 'application/proto', isStream: false, ...BINARY },
    { type: 'application/json', isStream: false, ...JSON_TEXT },
    { type: 'application/connect+proto', isStream: true, ...BINARY },
    { type: 'application/connect+json', isStream: true, ...JSON_TEXT },
  ].map((format) => [format.type, format]),
);

export function answerCalls(routes: (router: Router) => void, admit: Admit): http.RequestListener {
  const calls = callsOf(routes);
  return (request, response) => {
    const call = calls.get(request.url ?? '');
    const format = FORMATS.get((request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase());
    if (!call) return void response.writeHead(404).end();
    if (request.method !== 'POST') return void response.writeHead(405, { allow: 'POST' }).end();
    if (!format || format.isStream !== (call.method.methodKind === 'server_streaming'))
      return void response.writeHead(415, { 'accept-post': [...FORMATS.keys()].join(', ') }).end();
    const answered = format.isStream ? answerStream : answerOnce;
    answered(call, format, admit, request, response).catch((error) => response.destroy(error));
  };
}

function callsOf(routes: (router: Router) => void): Map<string, Call> {
  const calls = new Map<string, Call>();
  const router = {
    service(service: DescService, implementation: { readonly [name: string]: unknown }) {
      for (const method of service.methods) {
        const answer = implementation[method.localName] as Call['answer'] | undefined;
        calls.set(`/${service.typeName}/${method.name}`, { method, answer: answer ?? refuseUnknown });
      }
      return router;
    },
  };
  routes(router as Router);
  return calls;
}

function refuseUnknown(): never {
  throw new ConnectError('is not known here', Code.Unimplemented);
}

/** What an implementation is told besides the message. */
class Context {
  readonly values: ContextValues;
  private readonly response: http.ServerResponse;

  constructor(values: ContextValues, response: http.ServerResponse) {
    this.values = values;
    this.response = response;
  }

  /** Of who asks being gone. */
  get signal(): AbortSignal {
    const gone = new AbortController();
    if (this.response.closed) gone.abort();
    else this.response.once('close', () => gone.abort());
    return gone.signal;
  }
}

const answerOnce: Answering = async ({ method, answer }, { type, read, write }, admit, request, response) => {
  let bytes: Uint8Array;
  try {
    const context = new Context(admit(request), response);
    const message = parse(method, read, await readBody(request));
    bytes = write(method.output, create(method.output, (await answer(message, context)) as Message));
  } catch (error) {
    sendError(asConnectError(error), request, response);
    return;
  }
  response.writeHead(200, { 'content-type': type, 'content-length': bytes.length }).end(bytes);
};

const answerStream: Answering = async (
  { method, answer },
  { type, read, write },
  admit,
  request,
  response,
) => {
  response.writeHead(200, { 'content-type': type });
  let failure: ConnectError | undefined;
  try {
    const context = new Context(admit(request), response);
    const [asked] = new EnvelopeReader().take(await readBody(request));
    if (asked?.flags !== 0) throw new ConnectError('is not one message', Code.InvalidArgument);
    const messages = answer(parse(method, read, asked.bytes), context) as AsyncIterable<Message>;
    for await (const message of messages) {
      const bytes = enveloped(0, write(method.output, create(method.output, message)));
      if (!writeNow(response, bytes)) await drained(response);
    }
  } catch (error) {
    failure = asConnectError(error);
  }
  const end = JSON.stringify(endStreamToJson(new Headers(), failure, undefined));
  response.end(enveloped(END_OF_STREAM, Buffer.from(end)));
};

function parse(method: DescMethod, read: Format['read'], bytes: Buffer): Message {
  try {
    return read(method.input, bytes);
  } catch (error) {
    throw ConnectError.from(error, Code.InvalidArgument);
  }
}

function readBody(request: http.IncomingMessage): Promise<Buffer> {
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new ConnectError('send it uncompressed', Code.Unimplemented);
  return readWhole(request, MAX_REQUEST_BYTES);
}

function sendError(error: ConnectError, request: http.IncomingMessage, response: http.ServerResponse): void {
  const bytes = errorToJsonBytes(error, undefined);
  response.writeHead(codeToHttpStatus(error.code), {
    'content-type': 'application/json',
    'content-length': bytes.length,
    // What is still to come is not read.
    ...(!request.complete && { connection: 'close' }),
  });
  response.end(bytes);
}

/** What went wrong inside is nothing for strangers. */
function asConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof WireError) return rejectionToError(reject('invalid', ...error.faults));
  return new ConnectError('internal error', Code.Internal, undefined, undefined, error);
}

/** Not behind what else this turn of the event loop has to do, as Node would. */
function writeNow(response: http.ServerResponse, bytes: Uint8Array): boolean {
  const { socket } = response;
  socket?.cork();
  const hasRoom = response.write(bytes);
  socket?.uncork();
  return hasRoom;
}

/** Or gone. */
const drained = (response: http.ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    if (response.closed) return resolve();
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
