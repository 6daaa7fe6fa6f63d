import { Gauge, Histogram, Registry } from 'prom-client';
import { PROGRAM_VERSION } from '#api/version.ts';
import type { HostStatus } from '#model/host-status.ts';
import type { Store } from '#store/store.ts';
import type { ControllerState } from './state.ts';

const COMMIT_BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** What a controller tells Prometheus. docs/metrics.md lists it all, and a test holds that list. */
export class ControllerMetrics {
  readonly registry = new Registry();
  readonly #commits: Histogram<'outcome'>;

  constructor() {
    this.#commits = new Histogram({
      name: 'weft_controller_store_commit_duration_seconds',
      help: 'Commits to the store, the flush included: `committed`, lost to another (`conflict`), or `failed`.',
      labelNames: ['outcome'],
      buckets: COMMIT_BUCKETS,
      registers: [this.registry],
    });
  }

  /** The commits of a store are timed from now on. */
  measure(store: Store): Pick<Store, 'commit' | 'putStatus'> {
    const commit: Store['commit'] = async (changes, expected) => {
      const end = this.#commits.startTimer();
      let outcome = 'failed';
      try {
        const done = await store.commit(changes, expected);
        outcome = done.outcome;
        return done;
      } finally {
        end({ outcome });
      }
    };
    return { commit, putStatus: (key, value) => store.putStatus(key, value) };
  }

  /** Read when it is asked for. */
  describe({ snapshot, sessions, statuses }: ControllerState): void {
    const registers = [this.registry];
    new Gauge({
      name: 'weft_controller_info',
      help: 'Always 1; which program this is.',
      labelNames: ['version'],
      registers,
    }).set({ version: PROGRAM_VERSION }, 1);
    new Gauge({
      name: 'weft_controller_revision',
      help: 'The newest revision of the records.',
      registers,
      collect() {
        this.set(snapshot.revision);
      },
    });
    new Gauge({
      name: 'weft_controller_sessions',
      help: 'Agents that follow this controller.',
      registers,
      collect() {
        this.set(sessions.size);
      },
    });
    new Gauge({
      name: 'weft_controller_records',
      help: 'Records of each kind.',
      labelNames: ['kind'],
      registers,
      collect() {
        this.set({ kind: 'host' }, snapshot.hosts.size);
        this.set({ kind: 'network' }, snapshot.networks.size);
        this.set({ kind: 'block' }, snapshot.blocks.size);
        this.set({ kind: 'endpoint' }, snapshot.endpoints.size);
      },
    });
    const perHost = (name: string, help: string, read: (status: HostStatus) => number) =>
      new Gauge({
        ...{ name, help, labelNames: ['host'], registers },
        collect() {
          this.reset();
          for (const [id, status] of statuses)
            this.set({ host: snapshot.hosts.get(id)?.name ?? id }, read(status));
        },
      });
    perHost(
      'weft_controller_host_lag_revisions',
      'How far a host is behind, as the controller knows it.',
      ({ appliedRevision }) => snapshot.revision - appliedRevision,
    );
    perHost(
      'weft_controller_host_drift_objects',
      'Objects of a host’s kernel that its last look found not as wished.',
      ({ drift }) => drift.reduce((sum, { missing, extra, changed }) => sum + missing + extra + changed, 0),
    );
    perHost(
      'weft_controller_host_failing_ops',
      'Writes that a host’s kernel refuses.',
      ({ failing }) => failing.length,
    );
  }
}
