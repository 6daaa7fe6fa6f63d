import type { Reply } from '../world/api.ts';
import { PingFlow } from '../world/ping-flow.ts';
import { untilSettled } from '../world/settled.ts';
import { engineFlags, StandInEngine } from '../world/stand-in-engine.ts';
import { StrangeBridge } from '../world/strange-bridge.ts';
import { until, World } from '../world/world.ts';

/**
 * Two hosts on which containers talk all the while: a1 with a2 beside it and with b1 on the other host, in `red`. In
 * `blue` only the second host takes part. a3 is the container that comes and goes. Each host has a bridge `strange0`
 * that something else made, with one container behind it: s1, s2.
 */
export class CrashWorld extends World {
  /** Beside the containers that are attached by hand, those of an engine on the first host. */
  readonly engine = new StandInEngine(this, 'h1');
  private flows: PingFlow[] = [];

  static async start(program: string): Promise<CrashWorld> {
    const world = new CrashWorld({ program, hosts: ['h1', 'h2'], flags: engineFlags });
    try {
      await world.furnish();
      return world;
    } catch (error) {
      const logs = world.logs();
      await world.remove();
      throw new Error(`${error}\n${logs}`);
    }
  }

  private async furnish(): Promise<void> {
    await this.startAll();
    await this.createNetwork('red', '10.1.0.0/16', 'fd00:1::/64');
    await until('h1 has heard of red', async () => {
      await this.engine.join('red', '10.1.0.0/16', 'fd00:1::/64');
      return true;
    });
    await this.createNetwork('blue', '10.2.0.0/16', 'fd00:2::/64');
    for (const [host, name, network] of [
      ['h1', 'a1', 'red'],
      ['h1', 'a2', 'red'],
      ['h2', 'b1', 'red'],
      ['h2', 'b2', 'red'],
      ['h2', 'b3', 'blue'],
    ] as const) {
      this.addNamespace(name);
      mustBeOk(await this.attachTo(host, name, network));
    }
    for (const name of ['a3', 'b4']) this.addNamespace(name);
    for (const number of [1, 2]) {
      const bridge = new StrangeBridge(this.containerOf(`h${number}`), 'strange0', ['172.18.0.1/16']);
      const mac = `02:42:ac:12:00:0${number + 1}`;
      bridge.plug(this.addNamespace(`s${number}`), [`172.18.0.${number + 1}/16`], mac);
    }
    await this.settled();
    const { endpoints } = await this.records();
    const addressOf = (name: string, family: 0 | 1) =>
      endpoints.find((each) => each.name === name)!.addresses[family]!;
    this.flows = [
      new PingFlow(this.containerOf('a1'), addressOf('a2', 0)),
      new PingFlow(this.containerOf('a1'), addressOf('b1', 0)),
      new PingFlow(this.containerOf('b1'), addressOf('a2', 1)),
    ];
  }

  settled(): Promise<void> {
    return untilSettled(
      this,
      ['a1', 'a2', 'a3', 'b1', 'b2', 'b3', 'b4'].map((name) => this.containerOf(name)),
    );
  }

  /** Pings that were never answered, but for one a flow that may be on its way. */
  async lostPings(): Promise<string[]> {
    const counts = await Promise.all(this.flows.map(async (flow) => ({ flow, ...(await flow.count()) })));
    return counts
      .filter(({ sent, received }) => received < sent - 1)
      .map(({ flow, sent, received }) => `${flow.name}: ${received} of ${sent}`);
  }

  override async remove(): Promise<void> {
    await this.endFlows();
    await super.remove();
  }

  /** Of all flows, in all that time. */
  async endFlows(): Promise<{ sent: number; received: number }> {
    const flows = this.flows;
    this.flows = [];
    const ends = await Promise.all(flows.map((flow) => flow.stop()));
    return {
      sent: ends.reduce((sum, { sent }) => sum + sent, 0),
      received: ends.reduce((sum, { received }) => sum + received, 0),
    };
  }
}

export function mustBeOk({ ok, body }: Reply): void {
  if (!ok) throw new Error(`refused: ${JSON.stringify(body)}`);
}
