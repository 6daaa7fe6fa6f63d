import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  type AuditAddressesResponse,
  AuditAddressesResponseSchema,
  ControllerService,
  type EndpointsResponse,
  EndpointsResponseSchema,
  type HelloResponse,
  HelloResponseSchema,
  type ListHostStatusResponse,
  ListHostStatusResponseSchema,
  ListRecordsResponseSchema,
  type WishResponse,
  WishResponseSchema,
} from '#api/gen/weft/v1/controller_pb.ts';
import { type Principal, principalKey } from '#api/principal.ts';
import { rejectionToError, rejectionToWire } from '#api/rejection.ts';
import { API_VERSION, PROGRAM_VERSION } from '#api/version.ts';
import { changeToWire, recordToWire, WireError } from '#api/wire-records.ts';
import { statusFromWire, statusToWire } from '#api/wire-status.ts';
import { wishFromWire } from '#api/wire-wishes.ts';
import { auditAddresses } from '#intent/audit-addresses.ts';
import { allExhaustionNotices } from '#intent/exhaustion.ts';
import { isRejection, reject } from '#model/fault.ts';
import type { HostStatus } from '#model/host-status.ts';
import type { Notice } from '#model/notice.ts';
import { type Change, put } from '#model/records.ts';
import type { Wish } from '#model/wish.ts';
import { unansweredNotices } from '#plan/unanswered-notices.ts';
import type { Store } from '#store/store.ts';
import type { Router } from '#transport/answer-calls.ts';
import { authorizeHost, refuseHost } from './authorize.ts';
import { awaitDetaches } from './await-detaches.ts';
import type { Engine } from './engine.ts';
import type { Granted } from './event.ts';
import { FollowStream } from './follow-stream.ts';
import { previewChanges } from './preview.ts';
import { readStatuses } from './read-statuses.ts';

/** The schema's words → the engine's, and back. Nothing is decided here. */
export function controllerRoutes(engine: Engine, store: Store) {
  const answer = async (wish: Wish, dryRun: boolean, context: HandlerContext): Promise<WishResponse> => {
    const principal = principalOf(context);
    const granted = dryRun ? engine.preview(principal, wish) : await engine.ask(principal, wish);
    if (isRejection(granted)) throw rejectionToError(granted);
    return create(WishResponseSchema, {
      revision: BigInt(granted.revision),
      subject: granted.subject && recordToWire(granted.subject),
      notices: [...granted.notices],
      changes: granted.changes.map(changeToWire),
      plans: dryRun ? (previewChanges(engine.snapshot, wishedChanges(granted)) as never) : [],
    });
  };

  /** One that is refused, or not understood, keeps no other back. */
  const answerEach = async <T>(
    requests: readonly T[],
    wishOf: (request: T) => Wish,
    context: HandlerContext,
  ): Promise<EndpointsResponse> => {
    const principal = principalOf(context);
    const asking = requests.map((request) => {
      try {
        return engine.ask(principal, wishOf(request));
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        return reject('unavailable', ...error.faults);
      }
    });
    const outcomes = (await Promise.all(asking)).map((granted) =>
      isRejection(granted) ? { refused: rejectionToWire(granted) } : { revision: BigInt(granted.revision) },
    );
    return create(EndpointsResponseSchema, { outcomes });
  };

  return (router: Router) =>
    router.service(ControllerService, {
      hello: () => hello(engine),
      createNetwork: (request, context) =>
        answer(wishFromWire.createNetwork(request), request.dryRun, context),
      changeNetwork: (request, context) =>
        answer(wishFromWire.changeNetwork(request), request.dryRun, context),
      removeNetwork: async (request, context) => {
        const wish = wishFromWire.removeNetwork(request);
        await awaitDetaches(engine.snapshot, wish);
        return answer(wish, request.dryRun, context);
      },
      addPeer: (request, context) => answer(wishFromWire.addPeer(request), request.dryRun, context),
      removePeer: (request, context) => answer(wishFromWire.removePeer(request), request.dryRun, context),
      removeHost: (request, context) => answer(wishFromWire.removeHost(request), request.dryRun, context),
      evictHost: (request, context) => answer(wishFromWire.evictHost(request), request.dryRun, context),
      registerHost: (request, context) => answer(wishFromWire.registerHost(request), false, context),
      attachEndpoint: (request, context) =>
        answer(wishFromWire.attachEndpoint(request), request.dryRun, context),
      publishEndpoints: ({ endpoints }, context) =>
        answerEach(endpoints, wishFromWire.publishEndpoint, context),
      detachEndpoint: (request, context) =>
        answer(wishFromWire.detachEndpoint(request), request.dryRun, context),
      detachEndpoints: ({ endpoints }, context) =>
        answerEach(endpoints, wishFromWire.detachEndpoint, context),
      adoptBridge: (request, context) => answer(wishFromWire.adoptBridge(request), request.dryRun, context),
      disownBridge: (request, context) => answer(wishFromWire.disownBridge(request), request.dryRun, context),
      publishPort: (request, context) => answer(wishFromWire.publishPort(request), request.dryRun, context),
      unpublishPort: (request, context) =>
        answer(wishFromWire.unpublishPort(request), request.dryRun, context),
      exposeNetwork: (request, context) =>
        answer(wishFromWire.exposeNetwork(request), request.dryRun, context),
      hideNetwork: (request, context) => answer(wishFromWire.hideNetwork(request), request.dryRun, context),
      publishStations: (request, context) => answer(wishFromWire.publishStations(request), false, context),
      auditAddresses: (_, context) => audit(engine, store, principalOf(context)),
      repairAddresses: ({ dryRun }, context) => answer(wishFromWire.repairAddresses(), dryRun, context),
      listRecords: ({ kinds }) =>
        create(ListRecordsResponseSchema, {
          revision: BigInt(engine.snapshot.revision),
          records: [...engine.snapshot.records()]
            .filter((record) => kinds.length === 0 || kinds.includes(record.kind))
            .map(recordToWire),
        }),
      listHostStatus: () => listHostStatus(engine, store),
      acquireBlocks: (request, context) => answer(wishFromWire.acquireBlocks(request), false, context),
      returnBlocks: (request, context) => answer(wishFromWire.returnBlocks(request), false, context),
      reportStatus: ({ status: message }, context) => {
        const status = statusFromWire(message);
        const host = engine.snapshot.hosts.get(status.host);
        const refusal = authorizeHost(principalOf(context), host?.name ?? status.host);
        if (refusal) throw rejectionToError(refusal);
        engine.reportStatus(status);
        return {};
      },
      follow({ host }, context) {
        const stream = new FollowStream();
        const end = engine.follow(principalOf(context), host, stream);
        return stream.messages(context.signal, end);
      },
    });
}

/** The transport lets no request through without one. */
const principalOf = (context: HandlerContext): Principal => context.values.get(principalKey)!;

const hello = ({ pools }: Engine): HelloResponse =>
  create(HelloResponseSchema, {
    role: 'controller',
    version: PROGRAM_VERSION,
    apiVersion: API_VERSION,
    capabilities: ['follow', 'dry-run'],
    connected: true,
    pools,
  });

/** What is to come of it, also when others must be asked first. */
const wishedChanges = ({ changes, askFirst, subject }: Granted): readonly Change[] =>
  askFirst && subject ? [...changes, put(subject)] : changes;

/** As of one revision; what hosts say of their containers may be older. */
async function audit(engine: Engine, store: Store, principal: Principal): Promise<AuditAddressesResponse> {
  if (principal.role === 'host') throw rejectionToError(refuseHost(principal, 'audit addresses'));
  const statuses = (await readStatuses(store)).map(({ status }) => status);
  const { snapshot } = engine;
  const known = statuses.filter(({ host }) => snapshot.hosts.has(host));
  const findings = auditAddresses(snapshot, known).map(({ changes, ...finding }) => finding);
  return create(AuditAddressesResponseSchema, { revision: BigInt(snapshot.revision), findings });
}

/** What a host said last, and what nobody is there to say. */
const asItIsNow = (engine: Engine, status: HostStatus): HostStatus =>
  engine.isFollowed(status.host)
    ? status
    : { ...status, notices: [...status.notices, ...unansweredNotices(engine.snapshot, status.host)] };

const storeNotices = ({ storeTrouble: trouble }: Engine): Notice[] =>
  trouble
    ? [
        {
          code: 'store-unwritten',
          title: 'The controller cannot write its store',
          sentence: `It was told: ${trouble.message}. Wishes are refused, what hosts attach now is not reached from others, and what is shown of hosts here may be of before.`,
          next: `on the controller, ${trouble.next}.`,
        },
      ]
    : [];

async function listHostStatus(engine: Engine, store: Store): Promise<ListHostStatusResponse> {
  const statuses = await readStatuses(store);
  return create(ListHostStatusResponseSchema, {
    revision: BigInt(engine.snapshot.revision),
    hosts: statuses
      .filter(({ status }) => engine.snapshot.hosts.has(status.host))
      .map(({ status, reportedAtMs }) => ({
        status: statusToWire(asItIsNow(engine, status)),
        reportedAtMs: BigInt(reportedAtMs),
        connected: engine.isFollowed(status.host),
        silentMs: BigInt(engine.silentMs(status.host)),
      })),
    notices: [...storeNotices(engine), ...allExhaustionNotices(engine.snapshot)],
  });
}
