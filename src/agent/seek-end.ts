import type { FoundEnd, KernelEvent, LostEnd, PortPlace } from '#kernel/kernel.ts';
import type { Id } from '#model/id.ts';
import { parseInterfaceName } from '#model/name.ts';
import { hostEndName, portName } from '#model/own.ts';
import { attachedAs } from './door-handle.ts';
import type { AgentEffect, DoorHandle } from './event.ts';
import { keepJournal } from './keep-journal.ts';
import { isRuntimeQuiet, letRuntimeFirst, MOVE_MS } from './pace.ts';
import { overlayOf } from './place-of.ts';
import { retell } from './retell.ts';
import type { AgentState } from './state.ts';
import { markStirred } from './turn.ts';

/*
 * A runtime moves an interface into its container, renames and dresses it, and does not say when it is done; the
 * namespace may be made only then. It sets it up at last, and the kernel says so of the port: then the agent looks.
 * What it was not told it looks for again and again, less and less often. From then on it is kept as it should be, like
 * any other. A pair that somebody deletes before is made anew in the container, where its runtime had it: a runtime that
 * misses it while it is at work says so, and gives the endpoint up.
 */

/** An early look finds nothing, and waits for the kernel's lock while the runtime moves the interface: some 20 ms. */
const FIRST_DELAY_MS = 50;
/** The longer it takes the longer the next pause, as a part of that. */
const DELAY_SHARE = 1 / 4;
const LONGEST_DELAY_MS = 5_000;
/** No runtime takes so long to dress an interface. */
const DRESS_LIMIT_MS = 10_000;
/** By then it has noticed that it is gone, or never will. */
const LOST_AFTER_MS = 2_000;
/** As the door of Docker says it (docker/network-driver.ts): with the first number that is free behind it. */
const PREFIX = 'eth';

/** It will be at that path; after a power cut nothing is any more. The same again is nothing, but for its being written. */
export function beginSeek(
  state: AgentState,
  request: number,
  door: DoorHandle,
  sandboxPath: string,
): AgentEffect[] {
  const attachment = attachedAs(state, door);
  if (!attachment || attachment.bootId !== state.bootId)
    return [{ effect: 'answer', request, answer: { answer: 'noted' } }];
  const { id } = attachment.endpoint;
  state.noting.set(request, id);
  if (attachment.sandboxPath === sandboxPath) return [];
  state.attachments.set(id, { ...attachment, sandboxPath, namespace: undefined });
  const { nowMs } = state;
  state.seeking.set(id, { sinceMs: nowMs, nextMs: nowMs + FIRST_DELAY_MS });
  return [
    ...keepJournal(state, id, 'this-boot'),
    ...letRuntimeFirst(state, MOVE_MS),
    { effect: 'wake', afterMs: FIRST_DELAY_MS },
  ];
}

/** The other end of a port is up: looks for it now. What is lost of these events a later look makes up for. */
export function hastenSeeks(state: AgentState, changes: readonly KernelEvent[]): void {
  const { seeking, nowMs } = state;
  for (const [id, seek] of seeking) {
    const port = portOf(state, id);
    const isRaised = (change: KernelEvent) =>
      change.dirty === 'namespace' && change.ns === port?.ns && change.raised === port.name;
    if (changes.some(isRaised)) seeking.set(id, { ...seek, nextMs: nowMs });
  }
}

/** Answers those of whose endpoints the journal says all by now, or cannot. */
export function answerNoted({ noting, unwritten }: AgentState): AgentEffect[] {
  return [...noting].flatMap(([request, id]) => {
    const how = unwritten.get(id);
    if (how === 'writing') return [];
    noting.delete(request);
    return [{ effect: 'answer', request, answer: how ?? { answer: 'noted' } }];
  });
}

/** Looks for those whose time has come. */
export function seekEnds(state: AgentState): AgentEffect[] {
  const { seeking, attachments, nowMs } = state;
  if (!isRuntimeQuiet(state)) return [];
  const effects: AgentEffect[] = [];
  for (const [id, seek] of seeking) {
    if (seek.nextMs > nowMs) continue;
    const attachment = attachments.get(id);
    const port = portOf(state, id);
    const isWanted = attachment?.state === 'attached' && attachment.bootId === state.bootId;
    if (!isWanted || !attachment.sandboxPath || attachment.namespace) seeking.delete(id);
    else if (port) {
      seeking.set(id, { sinceMs: seek.sinceMs || nowMs, nextMs: Number.POSITIVE_INFINITY });
      effects.push({ effect: 'seek-end', endpoint: id, port, path: attachment.sandboxPath });
    }
  }
  return effects;
}

/** Undefined while its network is not heard of. */
function portOf(state: AgentState, id: Id): PortPlace | undefined {
  const attachment = state.attachments.get(id);
  const ns = attachment && overlayOf(state, attachment.endpoint.network);
  return ns === undefined ? undefined : { ns, name: portName(id) };
}

/** There it is; or not yet. */
export function endSeek(state: AgentState, id: Id, found: FoundEnd | LostEnd | undefined): AgentEffect[] {
  const { seeking, attachments, nowMs } = state;
  const seek = seeking.get(id);
  const attachment = attachments.get(id);
  if (!seek) return [];
  const isThere =
    found && attachment?.state === 'attached' && attachment.sandboxPath === found.namespace.path;
  const name = isThere && interfaceOf(found, id, nowMs - seek.sinceMs);
  if (name) {
    seeking.delete(id);
    return [...retell(state, id, { interface: name }, { namespace: found.namespace }), ...markStirred(state)];
  }
  const delayMs = Math.min(Math.max((nowMs - seek.sinceMs) * DELAY_SHARE, FIRST_DELAY_MS), LONGEST_DELAY_MS);
  seeking.set(id, { ...seek, nextMs: nowMs + delayMs });
  return [{ effect: 'wake', afterMs: delayMs }];
}

/** What it is called there, or is to be; undefined as long as its runtime is perhaps at work. */
function interfaceOf(found: FoundEnd | LostEnd, id: Id, forMs: number): string | undefined {
  if ('interface' in found) {
    // Who is in the container may call it by a name that no record has: the journal could not be read with it.
    const name = parseInterfaceName(found.interface);
    return name.ok && isDressed(found, id, forMs) ? name.value : undefined;
  }
  return forMs > LOST_AFTER_MS ? freeName(found.interfaces) : undefined;
}

function freeName(taken: readonly string[]): string {
  for (let number = 0; ; number++) if (!taken.includes(`${PREFIX}${number}`)) return `${PREFIX}${number}`;
}

/** A runtime names it, then addresses it, and sets it up at last; somebody may have set it down since. */
const isDressed = ({ isUp, interface: name }: FoundEnd, id: Id, forMs: number): boolean =>
  name !== hostEndName(id) && (isUp || forMs > DRESS_LIMIT_MS);
