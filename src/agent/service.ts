import { create } from '@bufbuild/protobuf';
import {
  AgentService,
  type AttachRequest,
  type AttachResponse,
  AttachResponseSchema,
  type DetachRequest,
  type DetachResponse,
  DetachResponseSchema,
  PlanResponseSchema,
  ResetResponseSchema,
  type StatusResponse,
  StatusResponseSchema,
} from '#api/gen/weft/v1/agent_pb.ts';
import { type HelloResponse, HelloResponseSchema, type HostPlan } from '#api/gen/weft/v1/controller_pb.ts';
import { rejectionToError } from '#api/rejection.ts';
import { API_VERSION, PROGRAM_VERSION } from '#api/version.ts';
import { endpointToWire, recordToWire } from '#api/wire-records.ts';
import { statusToWire } from '#api/wire-status.ts';
import { isRejection, type Rejection } from '#model/fault.ts';
import { NAMESERVER } from '#model/nameserver.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import type { Endpoint, Network } from '#model/records.ts';
import { renderOp } from '#model/render-kernel.ts';
import type { RankedOp } from '#plan/order.ts';
import type { Router } from '#transport/answer-calls.ts';
import { type AdoptionParts, adoptBridge, disownAll, disownBridge } from './adopt.ts';
import { checkPort, type PortParts } from './check-port.ts';
import type { Engine } from './engine.ts';
import type { Answer, DetachAsk } from './event.ts';
import { localEndpoints } from './local-endpoints.ts';
import type { AgentMetrics } from './metrics.ts';
import { relayRoutes, relayWish } from './relay.ts';
import { currentStatus } from './report.ts';

/** Where `ip netns` pins namespaces by name. */
const NAMED_NAMESPACES = '/run/netns/';

/** What the local socket needs besides the core. */
export interface ServiceParts extends AdoptionParts, PortParts {
  readonly controllerAddress: string;
  readonly metrics: AgentMetrics;
  /** Resolves when the controller has heard which endpoints came and went here so far. */
  readonly told: () => Promise<void>;
  /** Opens a namespace given by name, path or pid, once. */
  readonly resolveNamespace: (text: string) => NamespaceRef | Rejection;
  /** The ops that the kernel would be given now, with nothing wished at all after a reset. */
  readonly planNow: (reset: boolean) => Promise<readonly RankedOp[]>;
}

export function agentRoutes(parts: ServiceParts) {
  return (router: Router) => {
    router.service(AgentService, {
      hello: () => hello(parts),
      attach: (request) => attach(parts, request),
      detach: (request) => detach(parts, request),
      adoptBridge: (request) => adoptBridge(parts, request),
      disownBridge: (request) => disownBridge(parts, request),
      status: () => status(parts),
      plan: async () => create(PlanResponseSchema, { plan: await hostPlan(parts, false) }),
      reset: async ({ dryRun }) => {
        const plan = await hostPlan(parts, true);
        if (!dryRun) await disownAll(parts);
        if (!dryRun) expectAnswer(await parts.engine.reset(), 'reset');
        return create(ResetResponseSchema, { plan });
      },
    });
    relayRoutes(
      router,
      parts.operator,
      () => hello(parts),
      (request) => checkPort(parts, request),
      parts.told,
    );
  };
}

function hello({ engine: { state } }: ServiceParts): HelloResponse {
  return create(HelloResponseSchema, {
    role: 'agent',
    version: PROGRAM_VERSION,
    apiVersion: API_VERSION,
    capabilities: ['attach', 'relay', 'dry-run'],
    hostName: state.name,
    hostId: state.host,
    connected: state.session.connected,
  });
}

async function attach(parts: ServiceParts, request: AttachRequest): Promise<AttachResponse> {
  const { $typeName, $unknown, namespace: text, dryRun, ...words } = request;
  const resolved = parts.resolveNamespace(text);
  if (isRejection(resolved)) throw rejectionToError(resolved);
  const ask = { words: { ...words, containerId: containerIdOf(text, resolved) }, namespace: resolved };
  if (dryRun) return previewAttach(parts, ask.words);
  const { endpoint, network, notices } = expectAnswer(
    await parts.metrics.timeAttach(() => parts.engine.attach(ask)),
    'attached',
  );
  return create(AttachResponseSchema, {
    ...endpointAndNetwork(endpoint, network),
    notices: [...notices],
    nameserver: NAMESERVER,
  });
}

/** What a plain namespace's container is called: its name if it has one, or where it is. */
function containerIdOf(text: string, { path }: NamespaceRef): string {
  if (/^\d+$/.test(text)) return `pid-${text}`;
  return path.startsWith(NAMED_NAMESPACES) ? path.slice(NAMED_NAMESPACES.length) : path;
}

async function previewAttach(
  { engine, operator }: ServiceParts,
  words: Parameters<Engine['attach']>[0]['words'],
): Promise<AttachResponse> {
  const answer = await relayWish(operator.controller.attachEndpoint)({
    ...words,
    aliases: [...words.aliases],
    addresses: [...words.addresses],
    newBlockIn: [],
    held: [],
    host: engine.state.name,
    runtime: 'netns',
    dryRun: true,
  });
  const endpoint = answer.subject?.record.case === 'endpoint' ? answer.subject.record.value : undefined;
  return create(AttachResponseSchema, { endpoint, notices: answer.notices, plans: answer.plans });
}

async function detach(parts: ServiceParts, request: DetachRequest): Promise<DetachResponse> {
  const ask = detachAsk(parts, request);
  if (isRejection(ask)) throw rejectionToError(ask);
  if (request.dryRun) return previewDetach(parts, ask);
  const { endpoints, notices } = expectAnswer(await parts.engine.detach(ask), 'detached');
  return create(DetachResponseSchema, { endpoints: endpoints.map(endpointToWire), notices: [...notices] });
}

/** A namespace that is gone cannot be opened: then its path is all there is to go by. */
function detachAsk(
  parts: ServiceParts,
  { endpoint, network, namespace }: DetachRequest,
): DetachAsk | Rejection {
  if (namespace === undefined) return { endpoint, network };
  const resolved = parts.resolveNamespace(namespace);
  if (!isRejection(resolved)) return { namespacePath: resolved.path, network };
  if (resolved.reason !== 'absent') return resolved;
  return {
    namespacePath: namespace.startsWith('/') ? namespace : `${NAMED_NAMESPACES}${namespace}`,
    network,
  };
}

async function previewDetach({ engine, operator }: ServiceParts, ask: DetachAsk): Promise<DetachResponse> {
  const endpoints = engine.findEndpoints(ask);
  if (isRejection(endpoints)) throw rejectionToError(endpoints);
  const answers = await Promise.all(
    endpoints.map(({ id, generation }) =>
      relayWish(operator.controller.detachEndpoint)({ endpoint: id, generation, dryRun: true }),
    ),
  );
  return create(DetachResponseSchema, {
    endpoints: endpoints.map(endpointToWire),
    plans: answers.flatMap(({ plans }) => plans),
  });
}

function status({ engine: { state }, controllerAddress }: ServiceParts): StatusResponse {
  const current = currentStatus(state);
  return create(StatusResponseSchema, {
    status: current && statusToWire(current),
    hostName: state.name,
    connected: state.session.connected,
    controller: controllerAddress,
    endpoints: localEndpoints(state).map(({ endpoint, namespace, state: is }) => ({
      endpoint: endpointToWire(endpoint),
      namespace,
      state: is,
    })),
  });
}

async function hostPlan({ engine, planNow }: ServiceParts, reset: boolean): Promise<HostPlan> {
  const steps = (await planNow(reset)).map(({ op, reason }) => ({ commands: [...renderOp(op)], reason }));
  return { host: engine.state.name, steps } as unknown as HostPlan;
}

function expectAnswer<A extends Answer['answer']>(
  answer: Answer | Rejection,
  kind: A,
): Extract<Answer, { answer: A }> {
  if (isRejection(answer)) throw rejectionToError(answer);
  if (answer.answer !== kind) throw new Error(`${answer.answer} answers ${kind}`);
  return answer as Extract<Answer, { answer: A }>;
}

const endpointAndNetwork = (endpoint: Endpoint, network: Network) => ({
  endpoint: endpointToWire(endpoint),
  network: recordToWire(network).record.value as never,
});
