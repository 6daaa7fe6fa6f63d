import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import fs from 'node:fs';
import path from 'node:path';
import type { Logger } from 'pino';
import { type DockerDoor, openDockerDoor } from '#docker/docker-door.ts';
import { resolveNamespace } from '#kernel/container-namespace.ts';
import { bootId, hostRoutes, readHostFacts } from '#kernel/host-facts.ts';
import { agentSocketsHere, hostTagsHere } from '#kernel/host-tags.ts';
import { inspectBridge } from '#kernel/inspect-bridge.ts';
import { canFilter, hasIpv6, missingKernelFeatures, rejoinsGroups } from '#kernel/kernel-features.ts';
import { RealKernel } from '#kernel/real-kernel.ts';
import { isLocalAddress } from '#kernel/route-towards.ts';
import { portHolders } from '#kernel/taken-ports.ts';
import { findUnderlay, type Underlay } from '#kernel/underlay.ts';
import { isRejection } from '#model/fault.ts';
import { createId, type Id } from '#model/id.ts';
import { type Ip, parseIp } from '#model/ip.ts';
import { hostTag } from '#model/own.ts';
import { agentPaths, type Paths } from '#model/paths.ts';
import type { Publication } from '#model/records.ts';
import { renderOp } from '#model/render-kernel.ts';
import { trimHeap } from '#netlink/libc.ts';
import { type Journal, openJournal } from '#store/journal.ts';
import { StoreError } from '#store/store-error.ts';
import { type Address, parseAddress } from '#transport/address.ts';
import { createClients } from '#transport/client.ts';
import { openLog } from '#transport/open-log.ts';
import { serve } from '#transport/server.ts';
import { readTlsFiles } from '#transport/tls.ts';
import { givesBack, IDENTITY_KEY, type JournalEntry, parseJournalEntry } from './attachment.ts';
import type { AgentConfig } from './config.ts';
import { AgentDoor } from './door.ts';
import { Engine } from './engine.ts';
import type { PortFinding } from './event.ts';
import { AgentMetrics } from './metrics.ts';
import { planRemoval, removeAll } from './offline-reset.ts';
import { planOps } from './plan-ops.ts';
import { dismissResolver } from './resolver-link.ts';
import { scopeOf } from './scope.ts';
import { agentRoutes } from './service.ts';
import { type AgentState, createAgentState } from './state.ts';
import { readSurvey } from './survey.ts';
import { tidyMemory } from './tidy-memory.ts';
import { type HostWords, Uplink } from './uplink.ts';
import { readView, ViewFile } from './view-file.ts';

/** Why the agent cannot start, and what to do. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly next: string;

  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}

/**
 * The process on each host: real kernel, journal, clock and sockets are made here and nowhere else in this room.
 * Resolves after a clean stop, the data plane left as it is; rejects when it cannot start.
 */
export async function runAgent(config: AgentConfig, signal: AbortSignal): Promise<void> {
  const log = openLog('agent', config.logLevel);
  const paths = agentPaths(config.root);
  const controller = readAddress(config.controller);
  const missing = missingKernelFeatures();
  if (missing.length > 0)
    throw new StartError(
      `this kernel lacks ${missing.join(', ')}`,
      'load the modules, or use a kernel from 5.15 on',
    );
  // A wrong --underlay is better told now than at each try to register. Whose name is not found now may be found then,
  // and until then this host goes on without its controller.
  await readHostWords(config, controller).catch((error: NodeJS.ErrnoException) => {
    if (error.syscall !== 'getaddrinfo') throw error;
    log.warn({ reason: error.message }, 'the controller is not found by its name');
  });
  fs.mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  const journal = await openOwnJournal(paths.state).catch((error) => {
    throw isCorrupt(error) ? new StartError(error.message, beginAnew(config.name)) : error;
  });
  const kernel = new RealKernel();
  try {
    await runOn({ config, controller, paths, journal, kernel, log }, signal);
  } finally {
    await kernel.close();
    await journal.close();
  }
}

const openOwnJournal = (state: string): Promise<Journal<JournalEntry>> =>
  openJournal(path.join(state, 'journal'), parseJournalEntry, givesBack);

const isCorrupt = (error: unknown): error is StoreError =>
  error instanceof StoreError && error.code === 'corrupt';

/** Without its journal a host is another one, which must not find in the kernel what the first one left. */
const beginAnew = (name: string): string =>
  `restore it from a backup; or begin anew: \`weft agent reset\` here, \`weft host evict ${name}\` and \`weft host rm ${name}\` on the controller, then start this again`;

/** One step of a removal, as a person would type it. */
export interface RemovalStep {
  readonly commands: readonly string[];
  readonly reason: string;
}

/**
 * With no agent running: removes what this host's Weft left in the kernel, then its state. Idempotent; nothing is
 * left is success. Gives the steps; with `dryRun` that is all. Throws StoreError 'locked' while an agent runs, and
 * the kernel's word if it refuses.
 */
export async function resetHost(root: string, dryRun: boolean): Promise<RemovalStep[]> {
  const { state, names } = agentPaths(root);
  // It is held meanwhile, so that no agent starts. No agent does with one that is damaged.
  const journal = fs.existsSync(state) ? await openOwnJournal(state).catch(undefinedIfCorrupt) : undefined;
  const kernel = new RealKernel();
  try {
    const steps: RemovalStep[] = [];
    for (const tag of tagsToClear(journal, state)) steps.push(...(await clearOf(tag, kernel, dryRun)));
    if (!dryRun) await dismissResolver(names);
    if (!dryRun) fs.rmSync(state, { recursive: true, force: true });
    return steps;
  } finally {
    await kernel.close();
    await journal?.close();
  }
}

function undefinedIfCorrupt(error: unknown): undefined {
  if (!isCorrupt(error)) throw error;
}

/** Whose objects those are here. Where nothing is left of a tunnel, any tag finds the rest. */
function tagsToClear(journal: Journal<JournalEntry> | undefined, state: string): Iterable<string> {
  const identity = journal?.entries().get(IDENTITY_KEY);
  if (identity?.entry === 'identity') return [hostTag(identity.host)];
  const left = hostTagsLeft(state);
  return left.size > 0 ? left : [''];
}

/** Tags under which a host whose journal is lost has tunnels here still. Not where they are those of another agent. */
function hostTagsLeft(state: string): ReadonlySet<string> {
  const [other] = agentSocketsHere();
  if (other === undefined) return orNoStart(hostTagsHere);
  throw new StartError(
    `${state} does not say which host this is, and another agent of this host listens on ${other}`,
    'give the --root of that one, or stop it first',
  );
}

async function clearOf(tag: string, kernel: RealKernel, dryRun: boolean): Promise<RemovalStep[]> {
  const plan = await planRemoval(kernel, tag);
  const refused = dryRun ? [] : await removeAll(kernel, tag);
  for (const result of refused)
    if (!result.ok) throw new Error(`${result.error.command}: ${result.error.text}`);
  return plan.map(({ op, reason }) => ({ commands: renderOp(op), reason }));
}

interface Ground {
  readonly config: AgentConfig;
  readonly controller: Address;
  readonly paths: Paths;
  readonly journal: Journal<JournalEntry>;
  readonly kernel: RealKernel;
  readonly log: Logger;
}

async function runOn(ground: Ground, signal: AbortSignal): Promise<void> {
  const { config, controller, paths, journal, kernel, log } = ground;
  const tls = config.tls && readTlsFiles(config.tls);
  const [own, operator] = [
    createClients(controller, { host: config.name, tls }),
    createClients(controller, { tls }),
  ];
  const viewPath = path.join(paths.state, 'view');
  const state = restoreState(ground, await knowSelf(ground), viewPath);
  state.canFilter = canFilter();
  state.hasIpv6 = hasIpv6();
  state.rejoinsGroups = rejoinsGroups();
  const metrics = new AgentMetrics(state);
  const uplink = new Uplink(own, config.controller, log);
  const known = () => state.view.hosts.get(state.host)?.underlay;
  const engine = new Engine(state, {
    kernel,
    metrics,
    journal,
    uplink,
    viewFile: (onKept) => new ViewFile(viewPath, state.view, log, onKept),
    known,
    hostWords: () => readHostWords(config, controller, known()),
    underlay: () => seekUnderlay(config, controller, known()),
    routes: hostRoutes,
    survey: (ask) => readSurvey(ask, config.dockerSocket),
    portHolders: (publications) =>
      lookAtPorts(publications).catch((error: Error) => {
        log.warn({ error: error.message }, 'cannot see who has the published ports');
        return new Map(publications.map(({ id }) => [id, {}]));
      }),
    resolver: { socket: paths.names, command: resolverCommand() },
    moment: () => ({
      nowMs: Math.floor(performance.now()),
      idleMs: performance.eventLoopUtilization().idle,
      chance: { now: Date.now(), entropy },
    }),
    log,
  });
  const routes = agentRoutes({
    engine,
    operator,
    metrics,
    controllerAddress: config.controller,
    told: () => {
      engine.dispatch({ event: 'asked-around' });
      return uplink.told();
    },
    resolveNamespace,
    inspectBridge,
    portHolders,
    isLocalAddress,
    observe: (bridges) => kernel.observe({ ...scopeOf(state), bridges }),
    planNow: async (reset) =>
      planOps(state, await kernel.observe(scopeOf(state)), { nothing: reset || state.wishesNothing }),
  });
  const server = await serve({ kind: 'unix', path: paths.socket }, routes, { metrics: metrics.registry });
  log.info({ socket: paths.socket }, 'listening');
  const stopTidying = tidyMemory(trimHeap);
  try {
    orNoStart(() => engine.start());
    const docker = await openDocker(ground, new AgentDoor({ engine, operator, journal }));
    await aborted(signal);
    log.info('stopping; the data plane stays as it is');
    await docker?.close();
  } finally {
    // All that keeps the process: who could not start is not to stay, for then nobody starts it again.
    stopTidying();
    await engine.stop();
    await server.close();
    for (const clients of [own, operator]) clients.close();
  }
}

/** Of each publication of this host, what is at its port beside the endpoint. */
async function lookAtPorts(publications: readonly Publication[]): Promise<Map<Id, PortFinding>> {
  const holders = await portHolders(publications);
  const addresses = new Set(publications.flatMap(({ hostAddress }) => hostAddress ?? []));
  const missing = new Set([...addresses].filter((ip) => !isLocalAddress(ip)));
  return new Map(
    publications.map(({ id, hostAddress }, i) => {
      const lacksAddress = hostAddress !== undefined && missing.has(hostAddress);
      return [id, { holder: holders[i], lacksAddress }];
    }),
  );
}

/** Of the kernel, and of the files by which it shows namespaces. */
function orNoStart<T>(look: () => T): T {
  try {
    return look();
  } catch (error) {
    throw new StartError(
      `cannot watch this host: ${(error as Error).message}`,
      'mend what it says; of limits, fs.inotify and the number of open files are those that it can mean',
    );
  }
}

/** Docker's way in, unless it is not wished. An engine may come and go: the socket is there. */
async function openDocker({ config, log }: Ground, door: AgentDoor): Promise<DockerDoor | undefined> {
  const { dockerPlugin: pluginSocket, dockerDriver: driver, dockerSocket: engineSocket } = config;
  if (!pluginSocket) return undefined;
  const nowMs = () => performance.now();
  try {
    return await openDockerDoor({
      door,
      pluginSocket,
      driver,
      engineSocket,
      nowMs,
      log: log.child({ door: 'docker' }),
    });
  } catch (error) {
    throw new StartError(
      `Docker would not find its drivers: ${(error as Error).message}`,
      'put that right, or say docker-plugin: off',
    );
  }
}

/** Beside the program that we are, and of its build. */
function resolverCommand(): readonly string[] {
  const program = fs.realpathSync(process.argv[1]!);
  const resolver = path.join(path.dirname(program), `resolver${path.extname(program)}`);
  return [process.execPath, ...process.execArgv, resolver];
}

const entropy = (byteCount: number): Uint8Array => randomBytes(byteCount);

/** Who this host is; at the first start it names itself, durably, before anybody hears of it. */
async function knowSelf({ config, paths, journal }: Ground): Promise<Id> {
  const identity = journal.entries().get(IDENTITY_KEY);
  if (identity?.entry === 'identity') return identity.host;
  const [left] = hostTagsLeft(paths.state);
  if (left !== undefined)
    throw new StartError(
      `weft-${left}-… hold networks of this host, and ${paths.state} does not say that they are its own`,
      beginAnew(config.name),
    );
  const host = createId(Date.now(), entropy);
  await journal.put(IDENTITY_KEY, { entry: 'identity', host });
  return host;
}

/** What the last process left: what it promised, and what the controller said last. */
function restoreState({ config, journal, log }: Ground, host: Id, viewPath: string): AgentState {
  const entries = [...journal.entries().values()];
  const attachments = entries.filter((entry) => entry.entry === 'attachment');
  const handingBack = entries.flatMap((entry) => (entry.entry === 'hand-back' ? entry.network : []));
  const view = readView(viewPath, log);
  log.info({ host, attachments: attachments.length, revision: view?.revision }, 'restored');
  return createAgentState({ bootId: bootId(), name: config.name, host, view, attachments, handingBack });
}

/** What this host is now. Throws as {@link readUnderlay} does. */
async function readHostWords(
  config: AgentConfig,
  controller: Address,
  known?: readonly Ip[],
): Promise<HostWords> {
  const { name, labels } = config;
  const underlay = await readUnderlay(config, controller, known);
  return { name, labels, underlay: underlay.addresses, facts: await readHostFacts(underlay) };
}

/** Throws with the next step when it cannot be found. */
async function readUnderlay(...where: Parameters<typeof seekUnderlay>): Promise<Underlay> {
  const underlay = await seekUnderlay(...where);
  if (isRejection(underlay)) {
    const { field, value, problem, fix } = underlay.faults[0]!;
    throw new StartError(`${field} "${value}": ${problem}`, fix);
  }
  return underlay;
}

const seekUnderlay = async ({ underlay: text }: AgentConfig, controller: Address, known?: readonly Ip[]) =>
  findUnderlay({ text, towards: await addressTowards(controller), known });

/** The controller's address, if it is on a network. */
async function addressTowards(controller: Address): Promise<Ip | undefined> {
  if (controller.kind === 'unix') return undefined;
  const literal = parseIp(controller.host);
  if (literal.ok) return literal.value;
  const { address } = await lookup(controller.host);
  const found = parseIp(address);
  return found.ok ? found.value : undefined;
}

function readAddress(text: string): Address {
  const address = parseAddress(text);
  if (!address.ok) throw new StartError(`controller "${text}" ${address.problem}`, address.fix);
  return address.value;
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
