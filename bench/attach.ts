import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '#lab/run.ts';
import type { Bench } from './bench.ts';
import { type Attached, age, attachTo, detachFrom, type Member, startCluster, timeEach } from './cluster.ts';
import { stop } from './daemon.ts';
import { atLeast, atMost, figure, figureOfRounds, median, percentile, ratio, slowness } from './figure.ts';
import { compileFloor, Floor } from './floor.ts';
import { type Ground, onGround } from './ground.ts';
import { cpuMs } from './process.ts';

/** In a row; then all of the pool at once. */
const IN_A_ROW = 20;
const AT_ONCE = 200;
/** What the bare recipe took a C program where the goals were set. */
export const REFERENCE_MS = 0.53;
/** What was deleted keeps the kernel busy for a while. */
const REST_MS = 400;

/**
 * From the request on the agent's socket, for a namespace that exists, to the answer; with `--endpoints` of them on
 * the host, whose agent has attached a thousand before. Each round measures the C program and the agent next to each other.
 */
export const attach: Bench = (options) => {
  const base = options.endpoints ?? 100;
  return onGround(options, [base + AT_ONCE, 1], async (ground) => {
    const program = await compileFloor('attach');
    const [here, there] = (await startCluster(ground)) as [Member, Member];
    const remote = await attachTo(there, there.containers[0]!);
    await Promise.all(here.containers.slice(0, base).map((container) => attachTo(here, container)));
    const pool = here.containers.slice(base);
    const youngMs = await age(here, pool.slice(0, IN_A_ROW));
    const rounds = new Rounds(ground, here, remote, new Floor(program, [base, AT_ONCE]));
    for (let i = 0; i < (options.repeat ?? 15); i++) await rounds.inARow(pool.slice(0, IN_A_ROW));
    for (let i = 0; i < Math.min(options.repeat ?? 3, 3); i++) await rounds.atOnce(pool);
    await rounds.floor.close();
    await Promise.all([here, there].map(({ daemon }) => stop(daemon)));
    return rounds.report(youngMs);
  });
};

class Rounds {
  readonly floor: Floor;
  private readonly ground: Ground;
  private readonly here: Member;
  private readonly remote: Attached;
  private readonly attachMs: number[][] = [];
  private readonly detachMs: number[][] = [];
  /** Of the agent: what a busy machine does not change. */
  private readonly attachCpuMs: number[] = [];
  private readonly detachCpuMs: number[] = [];
  private readonly referenceMs: number[][] = [];
  private readonly floorMs: number[][] = [];
  private readonly flushMs: number[][] = [];
  private readonly ratePerSecond: number[] = [];
  private readonly floorRatePerSecond: number[] = [];
  private readonly pings: boolean[] = [];

  constructor(ground: Ground, here: Member, remote: Attached, floor: Floor) {
    this.ground = ground;
    this.here = here;
    this.remote = remote;
    this.floor = floor;
  }

  async inARow(pool: readonly string[]): Promise<void> {
    this.referenceMs.push(await this.floor.ask(`reference ${pool.length}`));
    await sleep(REST_MS);
    this.floorMs.push(await this.floor.ask(`whole ${pool.length}`));
    await sleep(REST_MS);
    this.flushMs.push(flushTimes(this.ground.layout.directory, pool.length));
    const attached: Attached[] = [];
    const spentMs = () => cpuMs(this.here.daemon.child.pid!) / pool.length;
    const beforeMs = spentMs();
    this.attachMs.push(
      await timeEach(pool, async (container) => attached.push(await attachTo(this.here, container))),
    );
    // The last one has had no time to settle before this.
    this.pings.push(...(await this.pingFrom(pool.at(-1)!)));
    // With what comes after the answers.
    await sleep(REST_MS);
    const attachedMs = spentMs();
    this.attachCpuMs.push(attachedMs - beforeMs);
    this.detachMs.push(await timeEach(attached, ({ id }) => detachFrom(this.here, id)));
    await sleep(REST_MS);
    this.detachCpuMs.push(spentMs() - attachedMs);
  }

  async atOnce(pool: readonly string[]): Promise<void> {
    const floorMs = await this.floor.ask(`whole ${pool.length}`);
    this.floorRatePerSecond.push((1000 * pool.length) / floorMs.reduce((sum, ms) => sum + ms, 0));
    await sleep(REST_MS);
    const startMs = performance.now();
    const attached = await Promise.all(pool.map((container) => attachTo(this.here, container)));
    this.ratePerSecond.push((1000 * pool.length) / (performance.now() - startMs));
    await Promise.all(attached.map(({ id }) => detachFrom(this.here, id)));
    await sleep(REST_MS);
  }

  /** One echo request in each family, with no second try. */
  private async pingFrom(namespace: string): Promise<boolean[]> {
    const answers = this.remote.addresses.map((address) =>
      run('ping', ['-c1', '-W1', '-q', address], { namespace, signal: this.ground.signal }),
    );
    return (await Promise.all(answers)).map(({ code }) => code === 0);
  }

  report(youngMs: readonly number[][]) {
    const slow = slowness(median(this.referenceMs.flat()), REFERENCE_MS);
    const p50 = (rounds: readonly number[][]) => rounds.map((samples) => percentile(samples, 50));
    const answered = this.pings.map((ok) => (ok ? 100 : 0));
    return {
      name: 'attach',
      metrics: {
        attachP50Ms: atMost(2 * slow, figureOfRounds(this.attachMs, 50)),
        attachP99Ms: atMost(10 * slow, figureOfRounds(this.attachMs, 99)),
        newAgentAttachP50Ms: figureOfRounds(youngMs, 50),
        detachP50Ms: atMost(2 * slow, figureOfRounds(this.detachMs, 50)),
        attachCpuMs: figure(this.attachCpuMs),
        detachCpuMs: figure(this.detachCpuMs),
        attachAtOncePerSecond: figure(this.ratePerSecond),
        firstPingsAnsweredPercent: atLeast(100, { ...figure(answered), median: mean(answered) }),
      },
      floor: {
        bareAttachP50Ms: figureOfRounds(this.referenceMs, 50),
        sameAttachP50Ms: figureOfRounds(this.floorMs, 50),
        sameAttachP99Ms: figureOfRounds(this.floorMs, 99),
        sameAttachPerSecond: figure(this.floorRatePerSecond),
        flushP50Ms: figureOfRounds(this.flushMs, 50),
      },
      ratios: {
        attachToFloor: ratio(p50(this.attachMs), p50(this.floorMs)),
        attachAtOnceToFloor: atLeast(0.5, ratio(this.ratePerSecond, this.floorRatePerSecond)),
      },
    };
  }
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** What the disk asks for a journal's line: append and fdatasync(2). */
function flushTimes(directory: string, count: number): number[] {
  const file = path.join(directory, 'flush');
  const fd = fs.openSync(file, 'a');
  try {
    return Array.from({ length: count }, () => {
      const startMs = performance.now();
      fs.writeSync(fd, Buffer.alloc(512));
      fs.fdatasyncSync(fd);
      return performance.now() - startMs;
    });
  } finally {
    fs.closeSync(fd);
    fs.rmSync(file);
  }
}
