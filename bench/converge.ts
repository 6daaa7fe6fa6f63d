import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { overlayNamespaces } from '#kernel/observe.ts';
import type { Id } from '#model/id.ts';
import { hostTag } from '#model/own.ts';
import { type RouteEvent, subscribe } from '#netlink/events.ts';
import { RTM } from '#netlink/message.ts';
import { namedNamespacePath } from '#netlink/named-namespace.ts';
import { decodeNeighbour } from '#netlink/route/neighbour.ts';
import { linkLocalOf } from '#plan/link-local.ts';
import { REFERENCE_MS } from './attach.ts';
import type { Bench } from './bench.ts';
import { type Attached, age, attachTo, detachFrom, type Member, startCluster } from './cluster.ts';
import { stop } from './daemon.ts';
import { atMost, figure, figureOfRounds, median, percentile, ratio, slowness } from './figure.ts';
import { compileFloor, Floor } from './floor.ts';
import { onGround } from './ground.ts';
import { cpuMs } from './process.ts';

const REST_MS = 100;
const LIMIT_MS = 10_000;

/**
 * An endpoint comes up on host A: when do host B's FDB and neighbour tables know it? Host B's kernel says so itself,
 * by its events. In mode proxy; both counted from the request and from the answer (below 0: B knew before).
 */
export const converge: Bench = (options) => {
  const count = options.endpoints ?? 20;
  return onGround(options, [count + 1, 1], async (ground) => {
    const floor = new Floor(await compileFloor('attach'), [1, count]);
    const [here, there] = (await startCluster(ground)) as [Member, Member];
    await attachTo(there, there.containers[0]!);
    // The tunnel is up on both before anything is measured.
    await attachTo(here, here.containers[count]!);
    await age(here, here.containers.slice(0, count));
    const watch = new RowWatch(overlayOf(there));
    const fromRequest: number[][] = [];
    const fromAnswer: number[][] = [];
    const floorMs: number[][] = [];
    const referenceMs: number[][] = [];
    const spent = ground.daemons.map(({ child }) => new Spent(child.pid!, count));
    for (let round = 0; round < (options.repeat ?? 15); round++) {
      referenceMs.push(await floor.ask(`reference ${count}`));
      floorMs.push(await floor.ask(`whole ${count}`));
      await sleep(REST_MS);
      for (const each of spent) each.begin();
      const times: [number, number][] = [];
      const attached: Attached[] = [];
      for (const container of here.containers.slice(0, count)) {
        const askedMs = performance.now();
        const endpoint = await attachTo(here, container);
        const answeredMs = performance.now();
        const knownMs = await watch.until(rowsOf(endpoint));
        times.push([knownMs - askedMs, knownMs - answeredMs]);
        attached.push(endpoint);
        await sleep(5);
      }
      fromRequest.push(times.map(([ms]) => ms));
      fromAnswer.push(times.map(([, ms]) => ms));
      await Promise.all(attached.map(({ id }) => detachFrom(here, id)));
      await sleep(REST_MS);
      for (const each of spent) each.end();
    }
    watch.close();
    await floor.close();
    await Promise.all([here, there].map(({ daemon }) => stop(daemon)));
    const [controllerCpuMs, hereCpuMs, thereCpuMs] = spent.map(({ rounds }) => figure(rounds));
    const slow = slowness(median(referenceMs.flat()), REFERENCE_MS);
    const p50 = (rounds: readonly number[][]) => rounds.map((samples) => percentile(samples, 50));
    return {
      name: 'converge',
      metrics: {
        fromRequestP50Ms: atMost(5 * slow, figureOfRounds(fromRequest, 50)),
        fromRequestP99Ms: atMost(20 * slow, figureOfRounds(fromRequest, 99)),
        fromAnswerP50Ms: figureOfRounds(fromAnswer, 50),
        fromAnswerP99Ms: figureOfRounds(fromAnswer, 99),
        controllerCpuMs: controllerCpuMs!,
        hereCpuMs: hereCpuMs!,
        thereCpuMs: thereCpuMs!,
      },
      floor: {
        bareAttachP50Ms: figureOfRounds(referenceMs, 50),
        sameAttachP50Ms: figureOfRounds(floorMs, 50),
      },
      ratios: { fromRequestToFloor: ratio(p50(fromRequest), p50(floorMs)) },
    };
  });
};

/** Processor time of a daemon for an endpoint that comes and goes. */
class Spent {
  readonly rounds: number[] = [];
  private readonly pid: number;
  private readonly count: number;
  private beganMs = 0;

  constructor(pid: number, count: number) {
    this.pid = pid;
    this.count = count;
  }

  begin(): void {
    this.beganMs = cpuMs(this.pid);
  }

  end(): void {
    this.rounds.push((cpuMs(this.pid) - this.beganMs) / this.count);
  }
}

/** The one overlay namespace of a member. */
function overlayOf({ daemon }: Member): string {
  return overlayNamespaces({ hostTag: hostTag(daemon.hostId as Id), containers: [] })[0]!;
}

/** FDB row and neighbours, each by its key. */
const rowsOf = ({ mac, addresses }: Attached): string[] => [mac, ...addresses, linkLocalOf(mac as never)];

/** When rows came into a namespace. */
class RowWatch {
  private readonly cameMs = new Map<string, number>();
  private readonly subscription: { close(): void };
  private onRow: () => void = () => {};

  constructor(namespace: string) {
    const netnsFd = openSync(namedNamespacePath(namespace), 'r');
    this.subscription = subscribe({ groups: ['NEIGH'], netnsFd }, (event) => this.take(event));
    closeSync(netnsFd);
  }

  private take(event: RouteEvent): void {
    if (event.kind === 'overrun') throw new Error('events were lost');
    const { type } = event.message;
    if (type !== RTM.NEWNEIGH && type !== RTM.DELNEIGH) return;
    const { mac, dst, family } = decodeNeighbour(event.message);
    const key = (family === 7 ? mac : dst) ?? '';
    if (type === RTM.DELNEIGH) this.cameMs.delete(key);
    else if (!this.cameMs.has(key)) this.cameMs.set(key, performance.now());
    this.onRow();
  }

  /** When the last of these rows came. */
  async until(rows: readonly string[]): Promise<number> {
    const deadlineMs = performance.now() + LIMIT_MS;
    while (!rows.every((row) => this.cameMs.has(row))) {
      const left = deadlineMs - performance.now();
      if (left <= 0) throw new Error(`host B never heard of ${rows.filter((row) => !this.cameMs.has(row))}`);
      await Promise.race([new Promise<void>((resolve) => (this.onRow = resolve)), sleep(left)]);
    }
    return Math.max(...rows.map((row) => this.cameMs.get(row)!));
  }

  close(): void {
    this.subscription.close();
  }
}
