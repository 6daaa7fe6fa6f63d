import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { PROGRAM_VERSION } from '#api/version.ts';
import type { Scope } from '#kernel/kernel.ts';
import { isRejection, type Rejection } from '#model/fault.ts';
import type { HostStatus } from '#model/host-status.ts';
import { type OpResult, sizeOf } from '#model/kernel-op.ts';
import { currentStatus } from './report.ts';
import type { AgentState } from './state.ts';

const LOOK_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const ATTACH_BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5, 30];

/** What an agent tells Prometheus. docs/metrics.md lists it all, and a test holds that list. */
export class AgentMetrics {
  readonly registry = new Registry();
  readonly #looks: Histogram<'reach'>;
  readonly #ops: Counter<'verb' | 'kind' | 'outcome'>;
  readonly #attaches: Histogram<'outcome'>;

  constructor(state: AgentState) {
    const registers = [this.registry];
    this.#looks = new Histogram({
      name: 'weft_agent_look_duration_seconds',
      help: 'Looks at the kernel: `look` at everything (or at the networks that something is about), `sweep` with the sums of rows, `glance` without rows.',
      labelNames: ['reach'],
      buckets: LOOK_BUCKETS,
      registers,
    });
    this.#ops = new Counter({
      name: 'weft_agent_ops_total',
      help: 'Writes to the kernel, by what was to be done to what, and whether the kernel refused.',
      labelNames: ['verb', 'kind', 'outcome'],
      registers,
    });
    this.#attaches = new Histogram({
      name: 'weft_agent_attach_duration_seconds',
      help: 'Attaches from the request on the local socket to the answer.',
      labelNames: ['outcome'],
      buckets: ATTACH_BUCKETS,
      registers,
    });
    describeState(this.registry, state);
  }

  async timeLook<T>({ rows }: Scope, look: () => Promise<T>): Promise<T> {
    const reach = rows === 'none' ? 'glance' : rows === 'sums' ? 'sweep' : 'look';
    const end = this.#looks.startTimer({ reach });
    const seen = await look();
    end();
    return seen;
  }

  countOps(results: readonly OpResult[]): void {
    for (const { op, ok } of results)
      this.#ops.inc({ verb: op.verb, kind: op.object.kind, outcome: ok ? 'done' : 'refused' }, sizeOf(op));
  }

  async timeAttach<T extends object>(attach: () => Promise<T | Rejection>): Promise<T | Rejection> {
    const end = this.#attaches.startTimer();
    const answer = await attach();
    end({ outcome: isRejection(answer) ? 'refused' : 'attached' });
    return answer;
  }
}

/** Read when they are asked for. */
function describeState(registry: Registry, state: AgentState): void {
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      ...{ name, help, registers: [registry] },
      collect() {
        this.set(value());
      },
    });
  const fromStatus = (read: (status: HostStatus) => number) => () => {
    const status = currentStatus(state);
    return status ? read(status) : 0;
  };
  new Gauge({
    name: 'weft_agent_info',
    help: 'Always 1; which program this is, and of which host.',
    labelNames: ['version', 'host'],
    registers: [registry],
  }).set({ version: PROGRAM_VERSION, host: state.name }, 1);
  new Gauge({
    name: 'weft_agent_drift_objects',
    help: 'What the last look found in the kernel that is not as wished: `missing`, `extra` or `changed`.',
    labelNames: ['kind', 'how'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { kind, ...counts } of currentStatus(state)?.drift ?? [])
        for (const [how, count] of Object.entries(counts)) this.set({ kind, how }, count);
    },
  });
  new Gauge({
    name: 'weft_agent_refused_frames',
    help: 'Frames dropped because of what they said, since their rules were written: by the port of an endpoint, or the interface that VXLAN came in by.',
    labelNames: ['endpoint', 'device', 'kind'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { from, kind, count } of currentStatus(state)?.refused ?? [])
        this.set({ endpoint: '', device: '', ...from, kind }, count);
    },
  });
  gauge('weft_agent_connected', '1 while there is a session with a controller.', () =>
    Number(state.session.connected),
  );
  gauge(
    'weft_agent_head_revision',
    'The newest revision that the agent knows of.',
    fromStatus(({ headRevision }) => headRevision),
  );
  gauge(
    'weft_agent_applied_revision',
    'The revision that the kernel was brought to.',
    fromStatus(({ appliedRevision }) => appliedRevision),
  );
  gauge(
    'weft_agent_lag_revisions',
    'Head revision less applied revision.',
    fromStatus(({ headRevision, appliedRevision }) => headRevision - appliedRevision),
  );
  gauge(
    'weft_agent_failing_ops',
    'Writes that the kernel refused and that are tried again.',
    fromStatus(({ failing }) => failing.length),
  );
  gauge(
    'weft_agent_endpoints',
    'Endpoints of this host.',
    fromStatus(({ endpoints }) => endpoints),
  );
  gauge(
    'weft_agent_networks',
    'Networks that this host takes part in.',
    fromStatus(({ networks }) => networks),
  );
}
