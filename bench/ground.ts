import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeLab } from '#lab/down.ts';
import { buildFabric } from '#lab/fabric.ts';
import { isPrivileged } from '#lab/holder.ts';
import { cleaningUp } from '#lab/interrupt.ts';
import { LabError } from '#lab/lab-error.ts';
import { type LabHost, type LabLayout, layOutLab } from '#lab/layout.ts';
import { processRef } from '#lab/processes.ts';
import { claimState, isBeingStarted, type LabState, readState, writeState } from '#lab/state.ts';
import type { Id } from '#model/id.ts';
import { hostTag } from '#model/own.ts';
import type { BenchOptions } from './bench.ts';
import { type Daemon, startAgent, startController, untilReady } from './daemon.ts';

/** On a disk: what is flushed there costs what it costs a user. Its parent goes with it. */
const DIRECTORY = '/var/tmp/weft-bench/ground';

/** A host for each number, with so many namespaces for containers. */
function layOut(containers: readonly number[]): LabLayout {
  const most = Math.max(0, ...containers);
  const shape = { hosts: containers.length, containers: most, networks: 1, mtu: 1500 } as const;
  const layout = layOutLab('bench', DIRECTORY, { ...shape, mode: 'proxy', underlay: 'ipv4' });
  const hosts = layout.hosts.map((host, i) => ({
    ...host,
    containers: host.containers.slice(0, containers[i]),
  }));
  return { ...layout, hosts };
}

/**
 * Runs `work` on hosts of its own: namespaces on one Ethernet segment, as the lab makes them, `containers[i]` container
 * namespaces on each, and no daemon yet.
 * All of it is removed afterwards, whatever happened, Ctrl-C included; what a killed bench left, before.
 */
export async function onGround<T>(
  options: BenchOptions,
  containers: readonly number[],
  work: (ground: Ground) => Promise<T>,
): Promise<T> {
  if (!isPrivileged()) throw new LabError('a bench makes network namespaces', 'run it as root');
  const left = readState(DIRECTORY);
  if (left && isBeingStarted(left))
    throw new LabError(`process ${left.owner.pid} runs a bench just now`, 'wait for it, or stop it');
  await removeLab(DIRECTORY);
  const layout = layOut(containers);
  const result = await cleaningUp(
    async (signal) => {
      const ground = new Ground(layout, options, signal);
      await buildFabric(layout, signal);
      return await untilAborted(work(ground), signal).catch(async (error) => {
        throw (await ground.lastWords()) ?? error;
      });
    },
    async () => void (await removeLab(DIRECTORY)),
  );
  await removeLab(DIRECTORY);
  return result;
}

/** What is under way when Ctrl-C comes is left to fail on ground that is gone. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => {});
  return Promise.race([
    work,
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  ]);
}

/** Hosts on which controller and agents are started as a user would: the bundle, sockets, files on a disk. */
export class Ground {
  readonly layout: LabLayout;
  readonly signal: AbortSignal;
  /** In the order in which they were started. */
  readonly daemons: Daemon[] = [];
  private readonly options: BenchOptions;
  private state: LabState;

  constructor(layout: LabLayout, options: BenchOptions, signal: AbortSignal) {
    this.layout = layout;
    this.options = options;
    this.signal = signal;
    const owner = processRef(process.pid)!;
    this.state = { layout, phase: 'starting', owner, hostTags: [], startedAtMs: Date.now() };
    if (!claimState(DIRECTORY, this.state)) throw new LabError('another bench has just begun', 'wait for it');
  }

  host(number: number): LabHost {
    return this.layout.hosts[number - 1]!;
  }

  async startController(): Promise<Daemon> {
    return untilReady(this.noted(startController(this.layout, this.options)), this.signal);
  }

  /** Resolves once it follows its controller. */
  async startAgent(host: LabHost): Promise<Daemon> {
    const daemon = await untilReady(this.spawnAgent(host), this.signal);
    this.owns(daemon.hostId as Id);
    return daemon;
  }

  /** Returns at once; whose overlay namespaces it makes must be known already. */
  spawnAgent(host: LabHost): Daemon {
    return this.noted(startAgent(this.layout, host, this.options));
  }

  private noted(daemon: Daemon): Daemon {
    this.daemons.push(daemon);
    return daemon;
  }

  /** Of a daemon that failed, which is why the rest did. */
  async lastWords(): Promise<LabError | undefined> {
    // Its socket may have closed before it was gone.
    await sleep(200);
    const failed = this.daemons.find(({ child }) => child.exitCode);
    if (!failed) return undefined;
    const words = fs.readFileSync(failed.log, 'utf8').trimEnd().split('\n').slice(-12).join('\n');
    return new LabError(`${failed.name} ended (${failed.child.exitCode})`, 'its last words are above', words);
  }

  /** Overlay namespaces of this host are removed with the ground. */
  owns(host: Id): void {
    const tag = hostTag(host);
    if (this.state.hostTags.includes(tag)) return;
    this.state = { ...this.state, hostTags: [...this.state.hostTags, tag] };
    writeState(DIRECTORY, this.state);
  }
}
