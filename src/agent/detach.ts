import { fault, isRejection, type Rejection, reject } from '#model/fault.ts';
import { type Id, isId } from '#model/id.ts';
import { foldName } from '#model/name.ts';
import type { Notice } from '#model/notice.ts';
import type { Endpoint } from '#model/records.ts';
import { journaling } from './attaching.ts';
import { aboutNetworks } from './concern.ts';
import { attachmentsOf } from './door-handle.ts';
import type { AgentEffect, DetachAsk } from './event.ts';
import { keepJournal } from './keep-journal.ts';
import { localEndpoints } from './local-endpoints.ts';
import { keepOwnWord, keepOwnWords } from './own-word.ts';
import { awaitQuiet, isRuntimeAtWork, letBurstPass, letGoFirst, noteAnswered } from './pace.ts';
import { renewNotices } from './report.ts';
import { rest } from './rest.ts';
import { takeNote } from './revoked.ts';
import type { AgentState } from './state.ts';
import { markStirred, markUrgent } from './turn.ts';

/** Longer than this nobody waits for a controller that hears and does not answer. */
const TELL_LIMIT_MS = 5_000;

/** With the controller away a detach is done on the host and remembered; the user need not wait. */
const TOLD_LATER: Notice = {
  code: 'detach-untold',
  title: 'Detached here, not yet everywhere',
  sentence: 'The controller cannot be reached; other hosts still list the endpoint.',
  next: 'nothing to do: the agent tells the controller as soon as it is back.',
};

/** Tells the controller, and takes endpoints out of the kernel (unplug.ts). Detaching what is not there is success. */
export function beginDetach(state: AgentState, request: number, ask: DetachAsk): AgentEffect[] {
  const found = findEndpoints(state, ask);
  if (!Array.isArray(found)) return [{ effect: 'answer', request, answer: found }];
  if (takeNote(state, ask.endpoint)) renewNotices(state);
  letGoFirst(state);
  letBurstPass(state);
  state.detaching.set(request, { endpoints: found, sinceMs: state.nowMs, isHasty: ask.door !== undefined });
  return [
    ...(ask.door ? awaitQuiet(state) : []),
    ...found.flatMap((endpoint) => dropAttachment(state, endpoint.id)),
  ];
}

/** An unknown id was detached before; an unknown name is more likely a slip of the pen. */
export function findEndpoints(state: AgentState, ask: DetachAsk): Endpoint[] | Rejection {
  if (ask.door) return attachmentsOf(state, ask.door).map((attachment) => attachment.endpoint);
  const found = endpointsMeant(state, ask);
  return isRejection(found) ? found : orHide(state, found);
}

function endpointsMeant(
  state: AgentState,
  { endpoint, network, namespacePath }: DetachAsk,
): Endpoint[] | Rejection {
  const wanted = endpoint ?? '';
  const isById = isId(wanted) && namespacePath === undefined;
  const promised = isById && state.attachments.get(wanted);
  if (promised) return [promised.endpoint];
  const ours = localEndpoints(state).map((local) => local.endpoint);
  if (isById) return ours.filter(({ id }) => id === wanted);
  const inNetwork = (id: Id) =>
    network === undefined ||
    id === network ||
    foldName(state.view.networks.get(id)?.name ?? '') === foldName(network);
  if (namespacePath !== undefined)
    return ours.filter(
      ({ id, network: of }) => state.attachments.get(id)?.namespace?.path === namespacePath && inNetwork(of),
    );
  const called = ours.filter(({ name }) => foldName(name) === foldName(wanted));
  const all = called.filter(({ network: id }) => inNetwork(id));
  // One that goes already is not meant if there is another.
  const staying = all.filter(({ id }) => state.attachments.get(id)?.state !== 'detaching');
  const named = staying.length > 0 ? staying : all;
  if (named.length === 1) return named;
  if (named.length > 1) return refuse('conflict', wanted, `is the name of ${named.length} endpoints here`);
  const isUnheard = called.some(({ network: id }) => !state.view.networks.has(id));
  return isUnheard
    ? refuse('unavailable', wanted, 'is here in a network whose name the controller has not told yet')
    : refuseAbsent(state, wanted, called.length > 0 ? network : undefined);
}

/** `besides`: the network that was said, where this host has one of the name in another. */
function refuseAbsent({ view }: AgentState, wanted: string, besides: string | undefined): Rejection {
  if (besides !== undefined) return refuse('absent', wanted, `is not in network ${besides}`);
  const elsewhere = [...view.endpoints.values()].find(({ name }) => foldName(name) === foldName(wanted));
  const host = elsewhere && view.hosts.get(elsewhere.host)?.name;
  if (!host) return refuse('absent', wanted, 'is not on this host');
  return reject('absent', fault('endpoint', wanted, `is on host ${host}`, 'detach it there'));
}

/** The host's own stays for as long as the network is exposed on it. */
function orHide({ view }: AgentState, found: Endpoint[]): Endpoint[] | Rejection {
  const own = found.find(({ runtime }) => runtime === 'host');
  if (!own) return found;
  const problem = 'is this host itself, in a network that is exposed on it';
  const fix = `weft hide ${view.networks.get(own.network)?.name ?? own.network}`;
  return reject('conflict', fault('endpoint', own.name, problem, fix));
}

const FIXES = {
  conflict: 'add --network, or give the id',
  unavailable: 'give the id, or try again',
  absent: 'see `weft endpoint ls`',
};

const refuse = (reason: keyof typeof FIXES, wanted: string, problem: string): Rejection =>
  reject(reason, fault('endpoint', wanted, problem, FIXES[reason]));

/** Marks an endpoint as going: remembered, taken out of the kernel, and told. Idempotent. */
export function dropAttachment(state: AgentState, id: Id): AgentEffect[] {
  const attachment = state.attachments.get(id);
  const endpoint = attachment?.endpoint ?? state.view.endpoints.get(id);
  if (!endpoint) return [];
  if (!attachment) return release(state, endpoint);
  const entry = { ...attachment, state: 'detaching' } as const;
  state.attachments.set(id, entry);
  noteGone(state, id);
  state.unplugging.set(id, 'waiting');
  keepOwnWord(state, entry);
  rest(state, endpoint);
  // What an earlier process had detached it may have asked for.
  if (attachment.state === 'attached') state.unasked.add(id);
  const tell = isToldLater(state, id) ? [] : askToDetach(state, endpoint);
  return [
    ...keepJournal(state, id),
    ...tell,
    ...markStirred(state, aboutNetworks(state, [endpoint.network])),
  ];
}

function noteGone({ attaching }: AgentState, id: Id): void {
  for (const [request, each] of attaching)
    if (each.phase === 'granting') attaching.set(request, { ...each, gone: [...(each.gone ?? []), id] });
    else if (each.phase === 'journaling' && each.endpoint?.id === id)
      attaching.set(request, { ...each, isOvertaken: true });
}

/** Gives back what the journal knows nothing of. */
export function release(state: AgentState, endpoint: Endpoint): AgentEffect[] {
  // What is being written of it is not to be found by a process that begins anew.
  const isBegun = journaling(state, endpoint.id).length > 0;
  noteGone(state, endpoint.id);
  state.releasing.set(endpoint.id, endpoint);
  keepOwnWords(state);
  const write = isBegun ? keepJournal(state, endpoint.id) : [];
  return [...write, ...askToDetach(state, endpoint), ...markUrgent(state)];
}

/** Nothing while it is being told; without a session it is told when one begins. */
export function askToDetach(state: AgentState, { id, generation }: Endpoint): AgentEffect[] {
  const { session, telling, unasked } = state;
  if (!session.connected || telling.has(id)) return [];
  telling.add(id);
  unasked.delete(id);
  return [{ effect: 'ask-detach', wish: { wish: 'detach-endpoint', endpoint: id, generation } }];
}

/**
 * A publication under way must not overtake the detach; what is just being promised again does not go; and what follows
 * soon goes with it.
 */
const isToldLater = (state: AgentState, id: Id): boolean =>
  state.publishing.has(id) || journaling(state, id).length > 0 || isRuntimeAtWork(state);

/** A session began, or time has passed: what could not be told before is told now. */
export function askAgainToDetach(state: AgentState): AgentEffect[] {
  const { attachments, releasing, told } = state;
  const detaching = [...attachments.values()].filter(
    ({ state: is, endpoint: { id } }) => is === 'detaching' && !told.has(id) && !isToldLater(state, id),
  );
  const untold = [...detaching.map(({ endpoint }) => endpoint), ...releasing.values()];
  return untold.flatMap((endpoint) => askToDetach(state, endpoint));
}

/** The controller has taken note, or says it never will: either way nobody is left to be told. */
export function endDetachGrant(state: AgentState, endpoint: Id, refused?: Rejection): AgentEffect[] {
  state.telling.delete(endpoint);
  // Unreachable: remembered, and told again.
  if (refused?.reason === 'unavailable') return [];
  state.releasing.delete(endpoint);
  if (state.attachments.get(endpoint)?.state !== 'detaching') return [];
  state.told.add(endpoint);
  return forgetDetached(state, endpoint);
}

/** Once it is told and out of the kernel nothing is left to remember. */
export function forgetDetached(state: AgentState, id: Id): AgentEffect[] {
  const { attachments, told, unplugging } = state;
  if (attachments.get(id)?.state !== 'detaching' || !isTold(state, id) || unplugging.has(id)) return [];
  attachments.delete(id);
  told.delete(id);
  state.retold.delete(id);
  return keepJournal(state, id, 'patient');
}

/** For good: not while the journal still says the opposite, for a full disk perhaps. */
const isTold = ({ attachments, told, untoldOnDisk }: AgentState, id: Id): boolean =>
  !attachments.has(id) || (told.has(id) && !untoldOnDisk.has(id));

/**
 * Answers the detaches that the journal has: the controller is told behind the answer. Where the journal has no room, or
 * knew nothing of an endpoint, the controller must have taken note, if there is one.
 */
export function settleDetaches(state: AgentState): AgentEffect[] {
  const { detaching, releasing, session } = state;
  const effects: AgentEffect[] = [];
  for (const [request, { endpoints, sinceMs, isHasty }] of detaching) {
    const told = endpoints.every(({ id }) => isTold(state, id) && !releasing.has(id));
    // What nobody else knows must be remembered here.
    const unwritten = told ? [] : endpoints.flatMap(({ id }) => state.unwritten.get(id) ?? []);
    if (unwritten.includes('writing')) continue;
    const refusal = unwritten.find((how) => isRejection(how));
    const isPatient = session.connected && !isHasty && state.nowMs - sinceMs < TELL_LIMIT_MS;
    if (isPatient && (refusal || endpoints.some(({ id }) => releasing.has(id)))) continue;
    detaching.delete(request);
    const answer = refusal ?? detached(endpoints, told || session.connected);
    effects.push({ effect: 'answer', request, answer }, ...(isHasty ? [] : noteAnswered(state)));
  }
  return effects;
}

const detached = (endpoints: readonly Endpoint[], toldSoon: boolean) =>
  ({ answer: 'detached', endpoints, notices: toldSoon ? [] : [TOLD_LATER] }) as const;
