import { create, type DescMessage, type DescMethod, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, createContextValues, type Transport } from '@connectrpc/connect';
import { errorFromJsonBytes, errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import type { Logger } from 'pino';
import { Uplink } from '#agent/uplink.ts';
import { ControllerService } from '#api/gen/weft/v1/controller_pb.ts';
import { type Principal, principalKey } from '#api/principal.ts';
import { rejectionToError } from '#api/rejection.ts';
import { WireError } from '#api/wire-records.ts';
import { wishFromWire } from '#api/wire-wishes.ts';
import type { Engine } from '#controller/engine.ts';
import { controllerRoutes } from '#controller/service.ts';
import { reject } from '#model/fault.ts';
import type { Wish } from '#model/wish.ts';
import type { Store } from '#store/store.ts';

/*
 * The shipped ends of the wire, as far as bytes; between them is the simulated one instead of HTTP. Here and not in
 * wire.ts, since mutants have ends of their own.
 */

/** What came of a call: the message of an answer, or an error as JSON. */
export type Answer = { readonly bytes: Uint8Array } | { readonly error: Uint8Array };

/** One agent's way to the controller. Both methods return the way to give up. */
export interface Carrier {
  /** Undefined: the controller cannot be reached, or nothing came in time. */
  call(
    method: string,
    request: Uint8Array,
    reply: (answer: Answer | undefined) => void,
    limitMs?: number,
  ): () => void;
  follow(request: Uint8Array, hear: (message: Uint8Array) => void, ended: () => void): () => void;
}

export function createUplink(carrier: Carrier): Uplink {
  const transport = transportOver(carrier);
  const clients = { controller: createClient(ControllerService, transport), agent: undefined as never };
  return new Uplink({ ...clients, close: () => {} }, 'sim', SILENT);
}

const SILENT = { debug: () => {} } as unknown as Logger;
const NONE = new Headers();

const transportOver = (carrier: Carrier): Transport => ({
  unary(method, signal, timeoutMs, _header, input) {
    const request = toBinary(method.input, create(method.input, input));
    return new Promise((resolve, reject) => {
      const giveUp = carrier.call(
        method.localName,
        request,
        (answer) => {
          if (!answer) return reject(new ConnectError('cannot be reached', Code.Unavailable));
          if ('error' in answer) return reject(errorFrom(answer.error));
          const message = fromBinary(method.output, answer.bytes);
          resolve({ stream: false, service: method.parent, method, header: NONE, trailer: NONE, message });
        },
        timeoutMs,
      );
      whenAborted(signal, () => {
        giveUp();
        reject(new ConnectError(String(signal?.reason), Code.Canceled));
      });
    });
  },
  async stream(method, signal, _timeoutMs, _header, input) {
    let request = new Uint8Array();
    for await (const message of input) request = toBinary(method.input, create(method.input, message));
    const message = heardOver(carrier, method.output, request, signal);
    return { stream: true, service: method.parent, method, header: NONE, trailer: NONE, message };
  },
});

const errorFrom = (error: Uint8Array): ConnectError =>
  errorFromJsonBytes(error, undefined, new ConnectError('unexplained', Code.Unknown));

function whenAborted(signal: AbortSignal | undefined, run: () => void): void {
  if (signal?.aborted) run();
  else signal?.addEventListener('abort', run);
}

async function* heardOver<T extends DescMessage>(
  carrier: Carrier,
  schema: T,
  request: Uint8Array,
  signal: AbortSignal | undefined,
) {
  const heard: Uint8Array[] = [];
  let isOver = false;
  let wake = () => {};
  const hear = (message: Uint8Array) => {
    heard.push(message);
    wake();
  };
  const end = () => {
    isOver = true;
    wake();
  };
  const giveUp = carrier.follow(request, hear, end);
  whenAborted(signal, () => {
    giveUp();
    end();
  });
  for (;;) {
    const next = signal?.aborted ? undefined : heard.shift();
    if (next) yield fromBinary(schema, next);
    else if (isOver) throw new ConnectError('the stream broke off', Code.Aborted);
    else
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  }
}

type Init = Record<string, unknown>;
type Implementation = Record<string, (message: object, context: object) => unknown>;

/** The controller's end. */
export interface Service {
  answer(principal: Principal, method: string, request: Uint8Array): Promise<Answer>;
  /** Ends when the signal does, or throws why the session was ended. */
  follow(principal: Principal, request: Uint8Array, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** `refuse` is told of what the other end said and this one does not understand. */
export function openService(engine: Engine, store: Store, refuse: (error: WireError) => void): Service {
  let implementation: Implementation = {};
  controllerRoutes(
    engine,
    store,
  )({
    service(_: unknown, routes: unknown) {
      implementation = routes as Implementation;
    },
  } as never);
  const contextOf = (principal: Principal, signal?: AbortSignal) => ({
    values: createContextValues().set(principalKey, principal),
    signal,
  });
  return {
    async answer(principal, name, request) {
      const method = methodNamed(name);
      try {
        const message = await implementation[name]!(fromBinary(method.input, request), contextOf(principal));
        return { bytes: toBinary(method.output, create(method.output, message as Init)) };
      } catch (error) {
        if (error instanceof WireError) refuse(error);
        return { error: errorToJsonBytes(asConnectError(error), undefined) };
      }
    },
    async *follow(principal, request, signal) {
      const { input, output } = methodNamed('follow');
      const asked = fromBinary(input, request);
      const messages = implementation.follow!(asked, contextOf(principal, signal)) as AsyncIterable<Init>;
      for await (const message of messages) yield toBinary(output, create(output, message));
    },
  };
}

/** As transport/answer-calls.ts has it; what else goes wrong is for who watches the run. */
function asConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof WireError) return rejectionToError(reject('invalid', ...error.faults));
  throw error;
}

const methodNamed = (name: string): DescMethod =>
  ControllerService.methods.find(({ localName }) => localName === name)!;

/** An operator's wish as it arrives. */
export function carryWish({ wish, ...words }: Wish): Wish {
  const name = wish.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const { input } = methodNamed(name);
  const request = fromBinary(input, toBinary(input, create(input, words as unknown as Init)));
  return (wishFromWire as unknown as Record<string, (message: object) => Wish>)[name]!(request);
}
