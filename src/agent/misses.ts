import type { FollowMessage } from '#api/follow-message.ts';
import type { Miss } from '#kernel/kernel.ts';
import type { Ip } from '#model/ip.ts';
import type { OpResult } from '#model/kernel-op.ts';
import type { Fdb, NamespaceName, Neighbour } from '#model/kernel-state.ts';
import { hostTag } from '#model/own.ts';
import type { Endpoint, StoredRecord } from '#model/records.ts';
import { askedRows, type RowPlace } from '#plan/asked-rows.ts';
import { linkLocalOf } from '#plan/link-local.ts';
import { isOnDemand } from '#plan/tunnel.ts';
import type { AgentEffect, FrameOut } from './event.ts';
import { type MissAllowance, mayAsk } from './miss-limit.ts';
import { overlayOf, placeOf } from './place-of.ts';
import { answerFrame, type Question, readQuestion } from './question.ts';
import { addAll } from './shortcut.ts';
import { isStanding, noteStanding } from './standing-rows.ts';
import type { AgentState } from './state.ts';
import { markDirty } from './turn.ts';
import { isInVain, noteVain, takeVain, type VainQuestion } from './vain-questions.ts';

/*
 * In networks that ask on demand a container's first question for an address meets no row: the kernel drops it, and
 * the container would ask again in a second. The agent hears it too, writes the rows for the one who is asked for, and
 * answers in their place. From then on the kernel answers, agent or no agent.
 */

export interface MissState {
  readonly allowances: Map<string, MissAllowance>;
  readonly standing: Map<string, Fdb | Neighbour>;
  readonly vain: Map<string, VainQuestion>;
  /** When to look next for rows that nobody uses. */
  nextIdleLookMs: number;
}

export const createMissState = (): MissState => ({
  allowances: new Map(),
  standing: new Map(),
  vain: new Map(),
  nextIdleLookMs: 0,
});

/** What is to be written for those who asked, and said to them then. */
interface Findings {
  readonly rows: (Fdb | Neighbour)[];
  readonly frames: FrameOut[];
}

export function hearMisses(state: AgentState, misses: readonly Miss[]): AgentEffect[] {
  const effects: AgentEffect[] = [];
  const findings: Findings = { rows: [], frames: [] };
  const places = new Map<NamespaceName, RowPlace | undefined>();
  for (const miss of misses) {
    const { ns } = miss;
    if (!places.has(ns)) places.set(ns, placeOf(state, ns));
    const place = places.get(ns);
    if (!place || !isOnDemand(place.network)) continue;
    if (!mayAsk(state, miss.missed === 'question' ? { ns, port: miss.port } : { ns }, effects)) continue;
    // The kernel has said that the row is not there.
    if (miss.missed === 'mac')
      findings.rows.push(...askedRows(place, miss).filter(({ kind }) => kind === 'fdb'));
    else hearQuestion(state, place, miss, findings);
  }
  return [...effects, ...write(state, findings)];
}

function hearQuestion(
  state: AgentState,
  place: RowPlace,
  { ns, port, frame }: Extract<Miss, { missed: 'question' }>,
  findings: Findings,
): void {
  const question = readQuestion(frame);
  if (!question) return;
  const to = { ns, port };
  if (isInVain(state, to, question)) return;
  const rows = rowsFor(place, question.ip);
  if (rows.length === 0) noteVain(state, place, to, question);
  else if (!rows.every((row) => isStanding(state, row))) find(findings, rows, to, question);
}

/** The controller has spoken: who asked in vain, shortly before, for somebody that it named is answered now. */
export function answerLate(state: AgentState, message: FollowMessage): AgentEffect[] {
  const findings: Findings = { rows: [], frames: [] };
  if (state.misses.vain.size === 0) return [];
  for (const record of recordsIn(message)) if (record.kind === 'endpoint') findLate(state, record, findings);
  return write(state, findings);
}

const recordsIn = (message: FollowMessage): readonly StoredRecord[] => {
  if (message.message === 'snapshot') return message.records;
  const changes = message.message === 'delta' ? message.changes : [];
  return changes.flatMap((change) => (change.verb === 'put' ? change.record : []));
};

function findLate(state: AgentState, { network, mac, addresses }: Endpoint, findings: Findings): void {
  const ns = overlayOf(state, network);
  const place = ns && placeOf(state, ns);
  if (!place) return;
  for (const ip of [...addresses, linkLocalOf(mac)]) {
    const rows = rowsFor(place, ip);
    const known = rows.length > 0 ? takeVain(state, ns, ip) : undefined;
    for (const [port, question] of known?.askers ?? []) find(findings, rows, { ns, port }, question);
  }
}

/** The row towards an address's endpoint, and the one that answers for that address. */
const rowsFor = (place: RowPlace, ip: Ip): (Fdb | Neighbour)[] =>
  askedRows(place, { ip }).filter((row) => row.kind === 'fdb' || row.ip === ip);

function find(
  { rows, frames }: Findings,
  found: readonly (Fdb | Neighbour)[],
  to: FrameOut['to'],
  question: Question,
): void {
  rows.push(...found);
  frames.push({ to, frame: answerFrame(question, found[0]!.mac) });
}

/** An answer is followed by a frame at once: its way must be there first. */
function write(state: AgentState, { rows, frames }: Findings): AgentEffect[] {
  if (rows.length === 0) return [];
  const scope = { hostTag: hostTag(state.host), containers: [] };
  return [{ effect: 'shortcut', ops: addAll(rows), scope, purpose: { answers: frames } }];
}

/** The rows are written. If not, the network is not in order, which a turn will see to. */
export function answerMisses(
  state: AgentState,
  frames: readonly FrameOut[],
  results: readonly OpResult[],
): AgentEffect[] {
  if (results.some(({ ok }) => !ok)) return markDirty(state);
  noteStanding(
    state,
    results.map(({ op }) => op),
  );
  return frames.length === 0 ? [] : [{ effect: 'send-frames', frames }];
}
