import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import {
  type AdoptBridgeRequest,
  type DisownBridgeRequest,
  HostPlanSchema,
  type WishResponse,
  WishResponseSchema,
} from '#api/gen/weft/v1/controller_pb.ts';
import { NoticeSchema } from '#api/gen/weft/v1/records_pb.ts';
import { rejectionToError } from '#api/rejection.ts';
import { changeFromWire } from '#api/wire-records.ts';
import type { Observed } from '#kernel/kernel.ts';
import { isRejection, type Rejection } from '#model/fault.ts';
import type { Mac } from '#model/mac.ts';
import type { Notice } from '#model/notice.ts';
import { renderOp } from '#model/render-kernel.ts';
import { Snapshot } from '#model/snapshot.ts';
import { fragmentNotices } from '#plan/adopted-notices.ts';
import type { Clients } from '#transport/client.ts';
import type { Engine } from './engine.ts';
import { ownExposures } from './exposures.ts';
import { planOps } from './plan-ops.ts';
import { relayWish } from './relay.ts';
import { ownAdoptions } from './scope.ts';
import { isLooking } from './turn.ts';

export interface AdoptionParts {
  readonly engine: Engine;
  /** The controller, on the caller's behalf. */
  readonly operator: Clients;
  /** Whether a bridge of this host can be adopted. */
  readonly inspectBridge: (name: string) => Mac | Rejection;
  /** A look that takes these bridges in. */
  readonly observe: (bridges: readonly string[]) => Promise<Observed>;
}

/** The kernel takes milliseconds; the controller's word may be on its way. */
const JOIN_LIMIT_MS = 5_000;
const PAUSE_MS = 10;

/** Answered when the bridge is joined, or with a notice if that takes long. */
export async function adoptBridge(parts: AdoptionParts, request: AdoptBridgeRequest): Promise<WishResponse> {
  const found = parts.inspectBridge(request.bridge);
  if (isRejection(found)) throw rejectionToError(found);
  const { engine, operator } = parts;
  const network = request.network || request.bridge;
  const words = { ...request, network, host: engine.state.name };
  const response = await relayWish(operator.controller.adoptBridge)(words);
  if (request.dryRun) return withPlan(parts, response);
  engine.dispatch({ event: 'adopted' });
  const answer = await untilApplied(engine, response);
  return withNotices(answer, costNotices(engine.state, request.bridge));
}

/** Answered when the bridge is let go. It need not be there any more. */
export async function disownBridge(
  parts: AdoptionParts,
  request: DisownBridgeRequest,
): Promise<WishResponse> {
  const { engine, operator } = parts;
  const response = await relayWish(operator.controller.disownBridge)({ ...request, host: engine.state.name });
  return request.dryRun ? withPlan(parts, response) : untilApplied(engine, response);
}

function costNotices(state: Engine['state'], bridge: string): Notice[] {
  const adoption = ownAdoptions(state).find((each) => each.bridge === bridge);
  const network = adoption && state.view.networks.get(adoption.network);
  const [host, facts] = [state.view.hosts.get(state.host), state.bridges?.get(bridge)];
  return network && host && facts ? fragmentNotices(network, bridge, facts, host) : [];
}

/** One that stands still is as good as away. */
const SOON = { timeoutMs: 8_000 };

/** A reset leaves nothing adopted or exposed. With the controller away the records stay, and with them the wish. */
export async function disownAll({
  engine: { state },
  operator: { controller },
}: AdoptionParts): Promise<void> {
  const host = state.name;
  await Promise.allSettled([
    ...ownAdoptions(state).map(({ bridge }) => controller.disownBridge({ host, bridge }, SOON)),
    ...ownExposures(state).map(({ network }) => controller.hideNetwork({ host, network }, SOON)),
  ]);
}

async function untilApplied({ state }: Engine, response: WishResponse): Promise<WishResponse> {
  const { turn } = state;
  const revision = Number(response.revision);
  for (let waitedMs = 0; waitedMs < JOIN_LIMIT_MS; waitedMs += PAUSE_MS) {
    if (state.view.revision >= revision && turn.applied >= revision && !isLooking(turn)) {
      return withNotices(response, (state.status?.notices ?? []).filter(isOfAdoption));
    }
    await sleep(PAUSE_MS);
  }
  return withNotices(response, [LATE]);
}

const withNotices = (response: WishResponse, more: readonly Notice[]): WishResponse =>
  create(WishResponseSchema, {
    ...response,
    notices: [...response.notices, ...more.map((notice) => create(NoticeSchema, notice))],
  });

const isOfAdoption = ({ code }: Notice): boolean => code.startsWith('adopted-');

const LATE: Notice = {
  code: 'adoption-late',
  title: 'The kernel is not that far yet',
  sentence: 'The wish is kept, and this host has not carried it out within five seconds.',
  next: 'weft status says what is in the way.',
};

/** Only this host knows its bridge: what the kernel would be told is told here. */
async function withPlan({ engine, observe }: AdoptionParts, response: WishResponse): Promise<WishResponse> {
  const { state } = engine;
  const view = new Snapshot(state.view.records(), state.view.revision);
  view.apply(response.changes.map(changeFromWire), view.revision + 1);
  const wished = { ...state, view, confirmed: true };
  const names = [...view.adoptions.values()].map(({ bridge }) => bridge);
  const ops = planOps(wished, await observe(names));
  const steps = ops.map(({ op, reason }) => ({ commands: [...renderOp(op)], reason }));
  return create(WishResponseSchema, {
    ...response,
    plans: [create(HostPlanSchema, { host: state.name, steps })],
  });
}
