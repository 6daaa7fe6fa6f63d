import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  ControllerService,
  type HelloResponse,
  type PublishPortRequest,
} from '#api/gen/weft/v1/controller_pb.ts';
import { NoticeSchema } from '#api/gen/weft/v1/records_pb.ts';
import type { Notice } from '#model/notice.ts';
import type { Router } from '#transport/answer-calls.ts';
import type { Clients } from '#transport/client.ts';

/** Both are shorter than `weft` waits for an answer (cli/session.ts): so it hears which of the two it is that says nothing. */
const QUESTION_LIMIT_MS = 8_000;
const WISH_LIMIT_MS = 35_000;

/**
 * The controller's service on the agent's local socket, so that `weft` needs to know one socket only. What agents
 * say of themselves is not relayed.
 */
export function relayRoutes(
  router: Router,
  { controller }: Clients,
  hello: () => HelloResponse,
  checkPort: (request: PublishPortRequest) => Promise<Notice[]>,
  told: () => Promise<void>,
): void {
  // Who was answered here that an endpoint came or went finds it so at the controller.
  const answerWithin =
    (timeoutMs: number) =>
    <Q, A>(call: (request: Q, options: { timeoutMs: number }) => Promise<A>) =>
      relayCall((request: Q) =>
        within(
          timeoutMs,
          told().then(() => call(request, { timeoutMs })),
        ),
      );
  const relay = answerWithin(WISH_LIMIT_MS);
  const answerSoon = answerWithin(QUESTION_LIMIT_MS);
  router.service(ControllerService, {
    hello,
    createNetwork: relay(controller.createNetwork),
    changeNetwork: relay(controller.changeNetwork),
    removeNetwork: relay(controller.removeNetwork),
    addPeer: relay(controller.addPeer),
    removePeer: relay(controller.removePeer),
    removeHost: relay(controller.removeHost),
    evictHost: relay(controller.evictHost),
    publishPort: async (request) => {
      const told = await checkPort(request);
      const response = await relay(controller.publishPort)(request);
      response.notices.push(...told.map((notice) => create(NoticeSchema, notice)));
      return response;
    },
    unpublishPort: relay(controller.unpublishPort),
    exposeNetwork: relay(controller.exposeNetwork),
    hideNetwork: relay(controller.hideNetwork),
    auditAddresses: relay(controller.auditAddresses),
    repairAddresses: relay(controller.repairAddresses),
    listRecords: answerSoon(controller.listRecords),
    listHostStatus: answerSoon(controller.listHostStatus),
  });
}

/** Whether it is the way to the controller that takes so long, or what is to be told to it first. */
async function within<T>(limitMs: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new ConnectError(`nothing came within ${limitMs / 1000} s`, Code.DeadlineExceeded);
    timer = setTimeout(() => reject(error), limitMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The call as the agent's caller sees it. */
const relayCall =
  <Q, A>(call: (request: Q) => Promise<A>) =>
  async (request: Q): Promise<A> => {
    try {
      return await call(request);
    } catch (error) {
      throw asRelayed(ConnectError.from(error), isWish(request));
    }
  };

/** The same for what is asked for on the caller's behalf, within the time that the caller waits. */
export const relayWish = <Q, A>(call: (request: Q, options: { timeoutMs: number }) => Promise<A>) =>
  relayCall((request: Q) => call(request, { timeoutMs: WISH_LIMIT_MS }));

/** Not a question, nor a dry run. */
const isWish = (request: unknown): boolean => (request as { dryRun?: boolean }).dryRun === false;

/** The details of the controller's refusal go on unopened. */
function asRelayed(error: ConnectError, wished: boolean): ConnectError {
  if (error.details.length > 0) {
    const relayed = new ConnectError(error.rawMessage, error.code);
    relayed.details = error.details;
    return relayed;
  }
  const unreachable =
    [Code.Unavailable, Code.DeadlineExceeded].includes(error.code) || isSystemError(error.cause);
  if (!unreachable) return error;
  const isDoubtful = wished && [Code.DeadlineExceeded, Code.Aborted].includes(error.code);
  return new ConnectError(
    `the agent cannot reach the controller: ${error.rawMessage}${isDoubtful ? '; what was asked for may still happen' : ''}`,
    Code.Unavailable,
  );
}

/** Such as ENOENT for a unix socket that is not there: to Connect an internal error. */
const isSystemError = (cause: unknown): boolean =>
  cause instanceof Error && typeof (cause as NodeJS.ErrnoException).errno === 'number';
