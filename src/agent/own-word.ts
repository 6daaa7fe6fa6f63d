import { cidrContains } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import { type Block, type Change, type Endpoint, put, type Revision, remove } from '#model/records.ts';
import type { Attachment } from './attachment.ts';
import type { AgentEffect } from './event.ts';
import { readHoldKey } from './held.ts';
import { keepJournal } from './keep-journal.ts';
import type { AgentState, Attaching } from './state.ts';
import { markUrgent } from './turn.ts';

/**
 * The view is what the controller said last, and on top of it what this host has done since that the controller does
 * not know yet: endpoints that it admitted itself, and those that it detached.
 */
export function keepOwnWord(state: AgentState, { endpoint, state: is, published, since }: Attachment): void {
  const known = state.view.endpoints.get(endpoint.id);
  if (is !== 'detaching') {
    if (!published || state.view.revision < since) addToView(state, endpoint);
    if (known && !isFindable(state, known)) state.view.apply([put(known)], state.view.revision);
  } else if (known && known.generation <= endpoint.generation) {
    // Had it been told, a publication of before has arrived since.
    state.told.delete(endpoint.id);
    state.view.apply([remove(endpoint)], state.view.revision);
  }
}

/** One that was in its way, with the same address, may have gone and have taken the address's entry along. */
const isFindable = ({ view }: AgentState, { id, network, mac, addresses }: Endpoint): boolean => {
  const { endpointByIp, endpointByMac } = view.inNetwork(network);
  return endpointByMac.get(mac) === id && addresses.every((ip) => endpointByIp.get(ip) === id);
};

/** Unless the view has a newer one, or knows of the network no more than that it is. */
export function addToView({ view }: AgentState, endpoint: Endpoint): void {
  const known = view.endpoints.get(endpoint.id);
  if ((known?.generation ?? 0) < endpoint.generation && isHeard(view, endpoint.network))
    view.apply([put(endpoint)], view.revision);
}

/** Of a network that this host has nothing in, the view has the record alone, and nothing of who is in it. */
export function isHeard(view: AgentState['view'], network: Id): boolean {
  const { blocks, endpoints, adoptions, exposures } = view.inNetwork(network);
  return view.networks.has(network) && blocks.size + endpoints.size + adoptions.size + exposures.size > 0;
}

/** What was promised, and what is being written into the journal to be promised. */
export function ownWords(state: AgentState): Attachment[] {
  const begun = [...state.attaching.values()].flatMap((attaching) => {
    const { phase, isOvertaken, attachment } = attaching;
    return phase === 'journaling' && !isOvertaken && !learnedSince(state, attaching) ? [attachment!] : [];
  });
  return [...state.attachments.values(), ...begun];
}

/** Who else of this host has what the controller gave: it did not know, as its store was restored from a backup. */
export const alreadyHere = (
  state: AgentState,
  { id, network, mac, addresses }: Endpoint,
): Endpoint | undefined =>
  ownWords(state).find(
    ({ endpoint, state: is }) =>
      is === 'attached' &&
      endpoint.id !== id &&
      endpoint.network === network &&
      (endpoint.mac === mac || endpoint.addresses.some((ip) => addresses.includes(ip))),
  )?.endpoint;

/** Of an endpoint that was asked for once more: it holds, and not what is being written. */
export const learnedSince = (
  { attachments }: AgentState,
  { attachment, stood }: Attaching,
): Attachment | undefined => (stood ? attachments.get(attachment!.endpoint.id) : undefined);

/** Ids, addresses and MACs that a word of the controller is about. */
export const subjectsOf = (
  changes: readonly Change[],
  before: readonly (Endpoint | undefined)[],
): Set<string> => {
  const after = changes.flatMap((change) =>
    change.verb === 'put' && change.record.kind === 'endpoint' ? change.record : [],
  );
  const endpoints = [...before, ...after].flatMap((endpoint) => endpoint ?? []);
  const ids = changes.map((change) => (change.verb === 'put' ? change.record.id : change.ref.id));
  return new Set([...ids, ...endpoints.flatMap(({ mac, addresses }) => [mac, ...addresses])]);
};

const isAbout = (subjects: ReadonlySet<string>, { id, network, mac, addresses }: Endpoint): boolean =>
  [id, network, mac, ...addresses].some((subject) => subjects.has(subject));

/** After the controller has spoken: of everything, or of those subjects. */
export function keepOwnWords(state: AgentState, subjects?: ReadonlySet<string>): void {
  for (const id of state.releasing.keys())
    state.view.apply([remove({ kind: 'endpoint', id })], state.view.revision);
  for (const attachment of ownWords(state))
    if (!subjects || isAbout(subjects, attachment.endpoint)) keepOwnWord(state, attachment);
}

/**
 * Endpoints that the controller had and has no more, or would not take, though nobody here detached them: this host was
 * evicted, or an operator took them away. The promise is void; the turn takes them out of the kernel. `blocks`: those that
 * the controller has just spoken of.
 */
export function dropRevoked(state: AgentState, blocks: Iterable<Block>): AgentEffect[] {
  const { attachments, view, revoked, host } = state;
  const lost = [...blocks].filter((block) => block.host === host && block.retired > 0);
  const gone = [...attachments.values()].filter(
    (each) => each.state === 'attached' && isVoid(state, each, lost),
  );
  return gone.flatMap(({ endpoint }) => {
    attachments.delete(endpoint.id);
    revoked.set(endpoint.id, endpoint);
    view.apply([remove(endpoint)], view.revision);
    return [...keepJournal(state, endpoint.id), ...markUrgent(state)];
  });
}

/** What the controller granted at that revision: whether it has spoken since, and has it no more. */
export const isTakenAway = ({ view }: AgentState, id: Id, since: Revision): boolean =>
  view.revision >= since && !view.endpoints.has(id);

function isVoid(
  state: AgentState,
  { endpoint, published, since }: Attachment,
  lost: readonly Block[],
): boolean {
  const { id, network, addresses } = endpoint;
  if (published) return isTakenAway(state, id, since);
  const isOf = (block: Block) => (ip: Ip) => cidrContains(block.cidr, ip) && !block.except.includes(ip);
  return lost.some((block) => block.network === network && addresses.some(isOf(block)));
}

/**
 * Up to which revision this host keeps to what it heard, whatever happens: the view is on disk, and what was given
 * before is known to the controller.
 */
export function noteSettled(state: AgentState): void {
  if (ownWords(state).every(({ published }) => published) && !isExceptionHeld(state))
    state.session.settledRevision = state.session.keptRevision;
}

/** What the controller takes out of a block may be set aside here for somebody who is about to have it. */
const isExceptionHeld = ({ holds, view }: AgentState): boolean =>
  [...holds.keys()].some((key) => {
    const [network, ip] = readHoldKey(key);
    return [...view.inNetwork(network).blocks.values()].some(({ except }) => except.includes(ip));
  });
