import type { AgentState } from '#agent/state.ts';
import type { FollowMessage } from '#api/follow-message.ts';
import { beginFollow } from '#controller/follow.ts';
import { isFilter } from '#model/filter.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { HOST_NAMESPACE, type KernelObject, kernelKey } from '#model/kernel-state.ts';
import { isOverlayNamespaceOf, portName } from '#model/own.ts';
import type { StoredRecord } from '#model/records.ts';
import { renderOp } from '#model/render-kernel.ts';
import type { AgentProcess } from './agent-process.ts';
import type { Machine } from './machine.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** After each word of the controller: the view is what the store held for this host at that revision. */
export function checkHeard(
  world: World,
  machine: Machine,
  { view }: AgentState,
  { message, revision }: FollowMessage,
): void {
  world.note(machine.name, () => `hears ${message} ${revision}`);
  if (message === 'beat') return;
  const truth = world.store.at(revision);
  if (!truth) throw new Violation('the view is what was stored', `revision ${revision} never was`);
  const { first } = beginFollow(truth, machine.id);
  const wanted = first.message === 'snapshot' ? textOf(first.records, machine) : [];
  const seen = textOf(view.records(), machine);
  if (view.revision !== revision || wanted.join('\n') !== seen.join('\n')) {
    const missing = wanted.filter((line) => !seen.includes(line));
    const extra = seen.filter((line) => !wanted.includes(line));
    throw new Violation(
      'the view is what was stored',
      `${machine.name} at ${revision} (view ${view.revision}) lacks [${missing}] and has [${extra}]`,
    );
  }
}

/** Of its own endpoints the host may know better, or have wished more, by now. */
const textOf = (records: Iterable<StoredRecord>, { id }: Machine): string[] =>
  [...records]
    .filter((record) => record.kind !== 'endpoint' || record.host !== id)
    .map(textOfRecord)
    .sort();

/** Records are never changed in place. */
const texts = new WeakMap<StoredRecord, string>();
function textOfRecord(record: StoredRecord): string {
  const text = texts.get(record) ?? JSON.stringify(record, sortedKeys);
  texts.set(record, text);
  return text;
}

/** The wire has an order of its own. */
const sortedKeys = (_: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
    : value;

/** Before each list of ops: each of them is one that this agent may do. */
export function checkOps(
  world: World,
  machine: Machine,
  agent: AgentProcess,
  ops: readonly KernelOp[],
): void {
  world.note(machine.name, () => `writes ${ops.map((op) => renderOp(op).join('; ')).join(' | ')}`);
  const added = new Set(ops.filter(({ verb }) => verb === 'add').map(({ object }) => idOf(object)));
  checkRulesFirst(machine, ops);
  for (const op of ops) {
    checkOwn(machine, op);
    if (op.verb === 'delete') checkDelete(world, machine, agent, op, added);
    else checkRow(machine, op);
  }
}

const idOf = (object: KernelObject): string => `${object.kind} ${kernelKey(object)}`;

function checkOwn(machine: Machine, op: KernelOp): void {
  const { object } = op;
  const device = object.kind === 'link' ? object.name : 'dev' in object ? object.dev : undefined;
  // In the host's own namespace ends of pairs, its own interfaces in networks, adopted bridges' tunnels, the table
  // `weft`, and forwarding, which nobody takes back.
  const isInHost =
    object.ns === '' && (isFilter(object) || object.kind === 'setting' || /^wf[eghx]/.test(device ?? ''));
  const isOurs = isOverlayNamespaceOf(machine.tag, object.ns) || isInHost;
  if (isOurs || (object.ns.startsWith('/') && device !== undefined && device !== 'stranger0')) return;
  throw new Violation('strangers are left alone', `${machine.name}: ${renderOp(op)}`);
}

/** Tunnel rows come from a view that this host had, and so does who is let in. */
function checkRow({ rows, name }: Machine, op: KernelOp): void {
  const { object } = op;
  const isTunnelRow = (object.kind === 'fdb' && object.table === 'self') || object.kind === 'neighbour';
  if (isTunnelRow && !rows.has(object))
    throw new Violation('rows point only where a view said', `${name}: ${renderOp(op)}`);
  if (object.kind === 'element' && object.ns === HOST_NAMESPACE && !rows.has(object))
    throw new Violation('only whom a view named is let in', `${name}: ${renderOp(op)}`);
}

/** Rules hold before the first frame: in a list they come before the devices that they speak of. */
function checkRulesFirst({ name }: Machine, ops: readonly KernelOp[]): void {
  const made = new Set<string>();
  for (const { verb, object } of ops) {
    if (verb === 'add' && object.kind === 'link' && object.detail.type !== 'bridge') made.add(object.ns);
    if (verb === 'add' && isFilter(object) && made.has(object.ns))
      throw new Violation('rules stand before devices', `${name}: ${renderOp({ verb, object })}`);
  }
}

/** Of what lets a port's frames through: the port. */
function deviceOf(object: KernelObject): string | undefined {
  if (object.kind === 'element') return String(object.key[0]);
  return object.kind === 'link' ? object.name : 'dev' in object ? object.dev : '';
}

function checkDelete(
  { ledger }: World,
  machine: Machine,
  agent: AgentProcess,
  op: KernelOp,
  added: ReadonlySet<string>,
): void {
  const { object } = op;
  if (added.has(idOf(object))) return;
  const device = deviceOf(object);
  const holder = ledger.standingOn(machine).find(({ endpoint }) => portName(endpoint.id) === device);
  if (holder && object.kind === 'link')
    throw new Violation('a standing attachment keeps its port', `${machine.name}: ${renderOp(op)}`);
  if (!agent.isConfirmed && (holder || !device?.startsWith('p')))
    throw new Violation('an unconfirmed view deletes nothing', `${machine.name}: ${renderOp(op)}`);
}
