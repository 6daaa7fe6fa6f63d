import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Logger } from 'pino';
import type { Chance } from '#intent/admitted.ts';
import type { Pools } from '#intent/pools.ts';
import type { Cidr } from '#model/cidr.ts';
import { controllerPaths } from '#model/paths.ts';
import { Snapshot } from '#model/snapshot.ts';
import { openEmbeddedStore } from '#store/embedded-store.ts';
import type { Store } from '#store/store.ts';
import { type Address, formatAddress, parseAddress } from '#transport/address.ts';
import { openLog } from '#transport/open-log.ts';
import { ListenError, type ServeOptions, type Server, serve } from '#transport/server.ts';
import { readTlsFiles } from '#transport/tls.ts';
import { beginLife } from './begin-life.ts';
import type { ControllerConfig } from './config.ts';
import { Engine } from './engine.ts';
import { ControllerMetrics } from './metrics.ts';
import { readStatuses, statusKey } from './read-statuses.ts';
import { controllerRoutes } from './service.ts';
import { createControllerState } from './state.ts';

/** How often a silent session hears that the controller is still there. */
const BEAT_INTERVAL_MS = 3_000;
/** Nobody but this process watches the log, and it is at its end: a little is kept for a feed that is behind. */
const LOG_KEPT = 1_000;

/**
 * The central process: real store, clock, chance and sockets are made here and nowhere else in this room. Resolves
 * after a clean stop; rejects with StoreError or ListenError when it cannot start.
 */
export async function runController(config: ControllerConfig, signal: AbortSignal): Promise<void> {
  const log = openLog('controller', config.logLevel);
  const paths = controllerPaths(config.root);
  const tls = config.tls && readTlsFiles(config.tls);
  const addresses = config.listen.map(readAddress);
  fs.mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  const store = await openEmbeddedStore(path.join(paths.state, 'store'));
  try {
    const metrics = new ControllerMetrics();
    const engine = await startEngine(config, store, metrics, log);
    const onRefused = refusedCertificates(log);
    await serveUntil(signal, engine, store, addresses, { tls, metrics: metrics.registry, onRefused }, log);
  } finally {
    await store.close();
  }
}

async function startEngine(
  config: ControllerConfig,
  store: Store,
  metrics: ControllerMetrics,
  log: Logger,
): Promise<Engine> {
  const { records, revision } = await store.read();
  const snapshot = new Snapshot(records, revision);
  snapshot.lives = await beginLife(store, revision, chance(), warn(log, 'could not note this start'));
  const state = createControllerState(snapshot, await choosePools(config, store));
  for (const { status } of await readStatuses(store))
    if (state.snapshot.hosts.has(status.host)) state.statuses.set(status.host, status);
    else
      await store
        .deleteStatus(statusKey(status.host))
        .catch(warn(log, 'could not forget a host that is gone'));
  log.info({ revision, records: records.length }, 'store is open');
  metrics.describe(state);
  return new Engine(state, metrics.measure(store), { chance, wallMs: Date.now }, log);
}

async function serveUntil(
  signal: AbortSignal,
  engine: Engine,
  store: Store,
  addresses: readonly Address[],
  options: ServeOptions,
  log: Logger,
): Promise<void> {
  const unwatch = store.watch(engine.snapshot.revision, (feed) => engine.dispatch({ event: 'fed', feed }));
  const beat = setInterval(() => {
    engine.dispatch({ event: 'tick' });
    store.compact(engine.snapshot.revision - LOG_KEPT).catch(warn(log, 'could not forget the log'));
  }, BEAT_INTERVAL_MS);
  const servers: Server[] = [];
  try {
    const routes = controllerRoutes(engine, store);
    for (const address of addresses) {
      servers.push(await serve(address, routes, options));
      log.info({ address: formatAddress(address) }, 'listening');
    }
    await aborted(signal);
    log.info('stopping');
  } finally {
    clearInterval(beat);
    unwatch();
    await Promise.all(servers.map((server) => server.close()));
  }
}

/** Whoever has none that is taken comes again and again: one line a second says enough. */
function refusedCertificates(log: Logger): (why: string) => void {
  let toldMs = Number.NEGATIVE_INFINITY;
  return (why) => {
    if (performance.now() - toldMs < 1_000) return;
    toldMs = performance.now();
    log.warn({ why }, 'refused a certificate: another authority made it, or its time is over');
  };
}

/** Of what can wait for another time. */
const warn = (log: Logger, what: string) => (error: unknown) => log.warn({ error: String(error) }, what);

function readAddress(text: string): Address {
  const address = parseAddress(text);
  if (!address.ok) throw new ListenError(`listen "${text}" ${address.problem}`, address.fix, 'usage');
  return address.value;
}

/** Hosts are waited for and called silent by it: a clock that is set must not make that an hour, or nothing. */
const steadyMs = (): number => Math.floor(performance.timeOrigin + performance.now());

const chance = (): Chance => ({ now: steadyMs(), entropy: (byteCount) => randomBytes(byteCount) });

const ULA_KEY = 'pool/ipv6';

/** The IPv6 pool is chosen by chance once (RFC 4193, 3.2) and then kept with the records. */
async function choosePools({ pools }: ControllerConfig, store: Store): Promise<Pools> {
  const { ipv4, ipv4PrefixLength } = pools;
  if (pools.ipv6) return { ipv4, ipv4PrefixLength, ipv6: pools.ipv6 };
  const kept = (await store.readStatus()).get(ULA_KEY);
  if (kept) return { ipv4, ipv4PrefixLength, ipv6: new TextDecoder().decode(kept) as Cidr };
  const [a, b, c] = randomBytes(6)
    .toString('hex')
    .match(/.{4}/g)!
    .map((group) => Number.parseInt(group, 16));
  const ipv6 =
    `fd${(a! & 0xff).toString(16).padStart(2, '0')}:${b!.toString(16)}:${(c! || 1).toString(16)}::/48` as Cidr;
  await store.putStatus(ULA_KEY, new TextEncoder().encode(ipv6));
  return { ipv4, ipv4PrefixLength, ipv6 };
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
