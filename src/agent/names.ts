import type { Sandbox, Trouble } from '#api/names-feed.ts';
import type { Id } from '#model/id.ts';
import { HOST_NAMESPACE } from '#model/kernel-state.ts';
import type { Notice } from '#model/notice.ts';
import type { AgentEffect } from './event.ts';
import { isRuntimeAtWork } from './pace.ts';
import { type AgentState, liveAttachments } from './state.ts';
import { isLooking } from './turn.ts';

/*
 * The resolver of this host (`resolver/`) is told all names that this host knows, which containers to answer, and
 * whether the names are all that there are. It is a process of its own and serves on when this one dies, so it may know
 * more than a view that was read from disk.
 */

export interface NamesState {
  /** `called`: being found, or started. */
  resolver: 'absent' | 'called' | 'listening';
  /** It has names of before, and is to be told all anew when there is time. */
  owesAll: boolean;
  /** It knows nobody yet, and so is to answer nobody. */
  isEmpty: boolean;
  /** Of the attachments, when they were looked at last. */
  attachmentChanges: number;
  /** What it was told last. */
  sandboxes: string;
  isCurrent: boolean | undefined;
  /** Containers that it cannot answer. */
  troubles: readonly Trouble[];
}

export const createNamesState = (): NamesState => ({
  resolver: 'absent',
  owesAll: false,
  isEmpty: false,
  attachmentChanges: -1,
  sandboxes: '',
  isCurrent: undefined,
  troubles: [],
});

/** What has changed since it was told. */
export function tellNames(state: AgentState): AgentEffect[] {
  const { names } = state;
  if (names.resolver === 'called') return [];
  if (names.resolver === 'listening') return [...tellRecords(state), ...tellSandboxes(state)];
  names.resolver = 'called';
  return [{ effect: 'call-resolver' }];
}

/**
 * It is there. From a view that is older than what it knows it hears only of this host's own endpoints: the rest, when
 * the controller has spoken.
 */
export function greetResolver(state: AgentState, revision: number): AgentEffect[] {
  const { names, view, confirmed, attachments } = state;
  Object.assign(names, { ...createNamesState(), resolver: 'listening' });
  view.noteTouched();
  if (confirmed || view.revision >= revision) {
    names.owesAll = true;
    names.isEmpty = revision === 0;
    return [];
  }
  const own = [...attachments.values()].filter(
    ({ endpoint: { id }, state: is }) => is === 'detaching' || view.endpoints.has(id),
  );
  return [{ effect: 'tell-names', ids: own.map(({ endpoint: { id } }) => id) }];
}

export function loseResolver({ names, view }: AgentState): AgentEffect[] {
  names.resolver = 'absent';
  view.noteTouched(false);
  return [];
}

export function hearTroubles({ names }: AgentState, troubles: readonly Trouble[]): AgentEffect[] {
  names.troubles = troubles;
  return [];
}

/** A look at a large table, whose rows carry the frames, goes first; till then it answers with what it has of before. */
function tellRecords(state: AgentState): AgentEffect[] {
  if (!state.names.owesAll) return [...tellTouched(state), ...tellCurrent(state)];
  // One that is empty waits for the first look of all alone.
  const goesFirst = isLooking(state.turn) && !(state.names.isEmpty && state.turn.applied > 0);
  return goesFirst ? [] : [...tellAll(state), ...tellCurrent(state)];
}

function tellAll({ names }: AgentState): AgentEffect[] {
  names.owesAll = false;
  names.isEmpty = false;
  return [{ effect: 'tell-names', ids: 'all' }];
}

function tellTouched({ view }: AgentState): AgentEffect[] {
  const ids = view.takeTouched();
  return ids === 'all' || ids.length > 0 ? [{ effect: 'tell-names', ids }] : [];
}

function tellCurrent({ names, session, confirmed }: AgentState): AgentEffect[] {
  const isCurrent = session.connected && confirmed;
  if (isCurrent === names.isCurrent) return [];
  names.isCurrent = isCurrent;
  return [{ effect: 'tell-current', isCurrent }];
}

function tellSandboxes(state: AgentState): AgentEffect[] {
  if (state.names.isEmpty || isRuntimeAtWork(state) || !haveAttachmentsChanged(state)) return [];
  const sandboxes = sandboxesOf(state);
  const text = JSON.stringify(sandboxes);
  if (text === state.names.sandboxes) return [];
  state.names.sandboxes = text;
  return [{ effect: 'tell-sandboxes', sandboxes }];
}

function haveAttachmentsChanged({ names, attachments }: AgentState): boolean {
  const before = names.attachmentChanges;
  names.attachmentChanges = attachments.changes;
  return before !== attachments.changes;
}

/**
 * Where containers of this host are, or are about to be, each with its networks in the order in which it joined them:
 * a container may ask as the first thing that it does. The host's own questions are its own affair.
 */
export function sandboxesOf(state: AgentState): Sandbox[] {
  const sandboxes = new Map<string, Sandbox & { networks: Id[] }>();
  const live = liveAttachments(state);
  // What is on its way to a container that is known already is in that one.
  const cookies = new Map(live.flatMap(({ namespace: at }) => (at ? [[at.path, at.cookie] as const] : [])));
  for (const { namespace, sandboxPath, endpoint } of live) {
    const path = namespace?.path ?? sandboxPath;
    if (path === undefined || path === HOST_NAMESPACE) continue;
    const cookie = namespace?.cookie ?? cookies.get(path);
    const key = cookie ?? path;
    const sandbox = sandboxes.get(key);
    if (!sandbox) sandboxes.set(key, { path, cookie, networks: [endpoint.network] });
    else if (!sandbox.networks.includes(endpoint.network)) sandbox.networks.push(endpoint.network);
  }
  return [...sandboxes.values()];
}

export const namesNotices = ({ names }: AgentState): Notice[] =>
  names.troubles.map(({ path, text }) => ({
    code: 'names-unserved',
    title: 'A container finds nobody by name',
    sentence: `Its questions cannot be answered in ${path}: ${text}.`,
    next: 'see docs/names.md for what that needs of the kernel; it is tried again all the time.',
  }));
