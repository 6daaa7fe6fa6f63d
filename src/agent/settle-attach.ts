import { fault, type Rejection, reject } from '#model/fault.ts';
import type { OpResult } from '#model/kernel-op.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { hostTag, overlayNamespace, portName } from '#model/own.ts';
import type { Endpoint, Network } from '#model/records.ts';
import { announceOwn } from './announce.ts';
import { answerAttach, isPromised } from './answer.ts';
import { aboutNetworks } from './concern.ts';
import { dropAttachment } from './detach.ts';
import type { AgentEffect } from './event.ts';
import { namespaceKey } from './scope.ts';
import { plug } from './shortcut.ts';
import { type AgentState, type Attaching, promiseKey } from './state.ts';
import { markUrgent } from './turn.ts';

/** A runtime waits for the answer; CNI gives up later than this. */
const ATTACH_LIMIT_MS = 30_000;
/** Docker holds locks meanwhile. */
const DOOR_LIMIT_MS = 8_000;
/** On a full disk, and without a controller. */
const REFUSAL_LIMIT_MS = 5_000;
/** An interface that goes just now still holds its name: only one that stays is in the way. */
const NAME_TAKEN_AFTER_MS = 1_000;

/** After a turn: answers every attach whose kernel state is complete, and takes back those that the kernel refused. */
export function settleAttaches(state: AgentState): AgentEffect[] {
  const effects: AgentEffect[] = [];
  for (const [request, attaching] of state.attaching) {
    const { phase, endpoint, revision, ask, refusal, isFlushing } = attaching;
    if (refusal && isTakenBack(state, attaching)) effects.push(...answerAttach(state, request, refusal));
    if (phase !== 'settling' || !endpoint) continue;
    if (!isPromised(state, endpoint)) {
      effects.push(...answerAttach(state, request, overtaken(endpoint)));
      continue;
    }
    if (isFlushing) continue;
    const network = state.view.networks.get(endpoint.network);
    const known = state.view.endpoints.get(endpoint.id);
    // What is heard while a look is being applied is not known to be in the kernel: another one will tell.
    if (state.turn.applied < revision && state.view.revision >= revision)
      effects.push(...markUrgent(state, aboutNetworks(state, [endpoint.network])));
    if (state.turn.applied < revision || !network || known?.generation !== endpoint.generation) continue;
    if (!ask.namespace) {
      effects.push(...settleThroughDoor(state, request, attaching, network));
      continue;
    }
    const path = ask.namespace.path;
    // Granted while a look was under way: the next one will have seen the container's interface.
    if (!wasLookedAt(state, ask.namespace, endpoint)) continue;
    if (isNameStillTaken(state, endpoint, attaching)) continue;
    const refused = state.turn.live.has(namespaceKey(ask.namespace))
      ? refusedOp(state, endpoint, network, path)
      : reject('absent', fault('namespace', path, 'is gone', 'give the namespace of a running container'));
    if (refused) effects.push(...takeBack(state, request, attaching, refused));
    else {
      const { notices } = attaching;
      effects.push(...answerAttach(state, request, { answer: 'attached', endpoint, network, notices }));
      effects.push(...announceOwn(state, endpoint));
      noteStanding(state, endpoint);
    }
  }
  return effects;
}

/** Made by a shortcut alone, once its network is there: of what the runtime is to move a look does not tell enough. */
function settleThroughDoor(
  state: AgentState,
  request: number,
  attaching: Attaching,
  network: Network,
): AgentEffect[] {
  const { turn, attachments } = state;
  const { notices, pluggedAfterMs } = attaching;
  const endpoint = attaching.endpoint!;
  if (attachments.get(endpoint.id)?.namespace)
    return answerAttach(state, request, { answer: 'attached', endpoint, network, notices });
  if (turn.complete.has(network.id)) return pluggedAfterMs === turn.lastLookMs ? [] : plug(state, request);
  const refused = refusedOp(state, endpoint, network, '');
  return refused ? takeBack(state, request, attaching, refused) : [];
}

/**
 * Who is told no is told so when the journal has it, or the controller: an agent that is killed then does not hold on
 * to the promise.
 */
export function takeBack(
  state: AgentState,
  request: number,
  attaching: Attaching,
  refusal: Rejection,
): AgentEffect[] {
  const { ask, endpoint, stood } = attaching;
  // What the kernel refuses a host is tried again.
  if (!endpoint || stood || ask.exposure) return answerAttach(state, request, refusal);
  state.attaching.set(request, { ...attaching, phase: 'refused', refusal, sinceMs: state.nowMs });
  return dropAttachment(state, endpoint.id);
}

const isTakenBack = (
  { unwritten, attachments, nowMs }: AgentState,
  { endpoint, sinceMs }: Attaching,
): boolean =>
  !unwritten.has(endpoint!.id) || !attachments.has(endpoint!.id) || nowMs - sinceMs > REFUSAL_LIMIT_MS;

/** Others who asked for the same may be refused from now on, but nothing is taken back for that. */
function noteStanding({ attaching }: AgentState, { id }: Endpoint): void {
  for (const [request, other] of attaching)
    if (other.endpoint?.id === id) attaching.set(request, { ...other, stood: true });
}

const overtaken = ({ name }: Endpoint): Rejection =>
  reject('unavailable', fault('endpoint', name, 'was detached before it was ready', 'attach it again'));

/** And what was seen was planned by: in the same container an interface of the same name may have been another's. */
const wasLookedAt = ({ turn }: AgentState, { path, cookie }: NamespaceRef, endpoint: Endpoint): boolean =>
  turn.planned.has(promiseKey(endpoint)) &&
  (turn.scope?.containers ?? []).some(
    ({ namespace, interfaces }) =>
      namespace.path === path && namespace.cookie === cookie && interfaces.includes(endpoint.interface),
  );

/** The kernel says that the name is taken, but so shortly after the asking that it may be free at the next try. */
const isNameStillTaken = ({ turn, nowMs }: AgentState, endpoint: Endpoint, { sinceMs }: Attaching): boolean =>
  nowMs - sinceMs < NAME_TAKEN_AFTER_MS &&
  turn.failing.some((result) => !result.ok && result.error.errno === 'EEXIST' && isPortOf(result, endpoint));

const isPortOf = ({ op: { object } }: OpResult, endpoint: Endpoint): boolean =>
  object.kind === 'link' && object.name === portName(endpoint.id);

/** Whether the kernel refused something that this endpoint cannot do without. */
function refusedOp(
  state: AgentState,
  endpoint: Endpoint,
  { name, vni }: Network,
  path: string,
): Rejection | undefined {
  const overlay = overlayNamespace(hostTag(state.host), vni);
  const port = portName(endpoint.id);
  const concerns = ({ op: { object } }: OpResult): boolean => {
    const device = object.kind === 'link' ? object.name : 'dev' in object ? object.dev : undefined;
    if (object.ns === path) return device === endpoint.interface || device === 'lo';
    return object.ns === overlay && (device === undefined || device === port || !device.startsWith('p'));
  };
  const refused = state.turn.failing.find(concerns);
  if (!refused || refused.ok) return undefined;
  const { errno, text, command } = refused.error;
  const { object } = refused.op;
  if (errno !== 'EEXIST' || object.kind !== 'link')
    return reject('unavailable', fault('kernel', command, `${text} (${errno})`, 'see `weft status`'));
  return reject(
    'conflict',
    object.detail.type === 'vxlan'
      ? fault('network', name, `cannot be on this host: ${text}`, otherPort(name))
      : fault('interface', endpoint.interface, `cannot be made: ${text}`, 'choose another --interface'),
  );
}

const otherPort = (network: string): string =>
  `remove that device, or take another UDP port: weft network set ${network} --port NUMBER`;

/** Gives up what takes too long, so that no runtime hangs. */
export function timeOutAttaches(state: AgentState): AgentEffect[] {
  const late = [...state.attaching].filter(
    ([, { ask, sinceMs, phase }]) =>
      phase !== 'journaling' &&
      phase !== 'refused' &&
      state.nowMs - sinceMs > (ask.door ? DOOR_LIMIT_MS : ATTACH_LIMIT_MS),
  );
  return late.flatMap(([request, attaching]) => {
    // It may be granted after all, to nobody.
    if (!attaching.endpoint) state.orphansPossible = true;
    return takeBack(state, request, attaching, tooLate(attaching));
  });
}

const tooLate = ({ ask: { words } }: Attaching): Rejection =>
  reject(
    'unavailable',
    fault('network', words.network, 'could not be joined in time', 'look at `weft status` and try again'),
  );
