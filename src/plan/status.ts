import type { Drift, HostStatus } from '#model/host-status.ts';
import type { KernelOp, OpResult } from '#model/kernel-op.ts';
import { KERNEL_KINDS, type KernelKind, kernelKey } from '#model/kernel-state.ts';
import type { Notice } from '#model/notice.ts';
import type { Revision } from '#model/records.ts';
import type { HostView, NetworkView } from './host-view.ts';

/** What the last look found, and what came of it. */
export interface StatusFacts {
  readonly headRevision: Revision;
  /** The view's revision that the kernel was brought to before the look. */
  readonly appliedRevision: Revision;
  /** What the look found to do. */
  readonly ops: readonly KernelOp[];
  readonly results: readonly OpResult[];
  /** What else people should know. */
  readonly notices: readonly Notice[];
}

/** Lag, drift and failing, told apart. Work that a new revision brings is lag, not drift. */
export function hostStatus(view: HostView, facts: StatusFacts): HostStatus {
  const { appliedRevision, headRevision, ops, results, notices } = facts;
  return {
    host: view.host.id,
    appliedRevision,
    headRevision: Math.max(headRevision, appliedRevision),
    drift: appliedRevision === view.revision ? driftOf(ops) : [],
    failing: results.flatMap((result) => (result.ok ? [] : [result.error])),
    notices: [...notices, ...view.networks.flatMap(unreachableNotices)],
    endpoints: view.networks.reduce((count, { local }) => count + local.length, 0),
    networks: view.networks.length,
  };
}

/** Counts by kind; an object that is deleted to be made anew is one that was changed. */
export function driftOf(ops: readonly KernelOp[]): Drift[] {
  const counts = new Map<KernelKind, { missing: number; extra: number; changed: number }>();
  const deleted = keysOf(ops, 'delete');
  const added = keysOf(ops, 'add');
  for (const { verb, object } of ops) {
    const count = counts.get(object.kind) ?? { missing: 0, extra: 0, changed: 0 };
    counts.set(object.kind, count);
    const key = keyOf(object);
    if (verb === 'change' || (verb === 'add' && deleted.has(key))) count.changed++;
    else if (verb === 'add') count.missing++;
    else if (!added.has(key)) count.extra++;
  }
  return KERNEL_KINDS.flatMap((kind) => (counts.has(kind) ? [{ kind, ...counts.get(kind)! }] : []));
}

const keysOf = (ops: readonly KernelOp[], verb: KernelOp['verb']): Set<string> =>
  new Set(ops.filter((op) => op.verb === verb).map(({ object }) => keyOf(object)));

const keyOf = (object: KernelOp['object']): string => `${object.kind} ${kernelKey(object)}`;

function unreachableNotices({ network, unreachable }: NetworkView): Notice[] {
  if (unreachable.length === 0) return [];
  return [
    {
      code: 'endpoint-unreachable',
      title: 'Endpoints that no tunnel leads to',
      sentence: `In network ${network.name}, ${unreachable.length} endpoint(s) are on hosts without an ${network.underlay} underlay address.`,
      next: `give those hosts an ${network.underlay} address, or make the network over the other family.`,
    },
  ];
}
