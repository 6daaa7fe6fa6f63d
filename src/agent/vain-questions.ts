import type { Ip } from '#model/ip.ts';
import type { NamespaceName } from '#model/kernel-state.ts';
import { endpointOf, type RowPlace } from '#plan/asked-rows.ts';
import type { FrameOut } from './event.ts';
import type { Question } from './question.ts';
import type { AgentState } from './state.ts';

/*
 * Negative answers. An address that is nobody's is not looked up again for a while; who asked for it is remembered, and
 * answered if it becomes somebody's meanwhile: a container is often spoken to before the word of it has come here.
 */

/** As long as Linux waits for an answer: three questions, one a second. */
const VAIN_MS = 3_000;
const MOST_VAIN = 1_024;
const MOST_ASKERS = 16;

export interface VainQuestion {
  readonly ns: NamespaceName;
  readonly ip: Ip;
  readonly untilMs: number;
  /** The last question of each port. */
  readonly askers: Map<number, Question>;
}

/** True for an address that was nobody's a moment ago; remembers that this port has asked for it, too. */
export function isInVain(state: AgentState, { ns, port }: FrameOut['to'], question: Question): boolean {
  const known = state.misses.vain.get(keyOf(ns, question.ip));
  if (!known || state.nowMs >= known.untilMs) return false;
  if (known.askers.size < MOST_ASKERS) known.askers.set(port, question);
  return true;
}

/** No row leads to this address. If it is somebody's all the same, its owner answers. */
export function noteVain(
  { misses: { vain }, nowMs }: AgentState,
  { snapshot, network }: RowPlace,
  { ns, port }: FrameOut['to'],
  question: Question,
): void {
  const { ip } = question;
  if (endpointOf(snapshot.inNetwork(network.id), { ip })) return;
  const key = keyOf(ns, ip);
  vain.delete(key);
  // The oldest goes.
  if (vain.size >= MOST_VAIN) for (const oldest of [...vain.keys()].slice(0, 1)) vain.delete(oldest);
  vain.set(key, { ns, ip, untilMs: nowMs + VAIN_MS, askers: new Map([[port, question]]) });
}

/** Takes out what was asked in vain for this address. */
export function takeVain({ misses: { vain }, nowMs }: AgentState, ns: NamespaceName, ip: Ip) {
  const known = vain.get(keyOf(ns, ip));
  vain.delete(keyOf(ns, ip));
  return known && nowMs < known.untilMs ? known : undefined;
}

export function forgetVain({ misses: { vain }, nowMs }: AgentState): void {
  for (const [key, { untilMs }] of vain) if (nowMs >= untilMs) vain.delete(key);
}

const keyOf = (ns: NamespaceName, ip: Ip): string => `${ns} ${ip}`;
