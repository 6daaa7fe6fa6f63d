import { readFileSync } from 'node:fs';
import type { TunnelMode } from '#model/tunnel-mode.ts';
import { type Outcome, PROGRAM, weft } from '../cluster/lab-cli.ts';
import { callOk, type NetworkJson } from './api.ts';
import { Flow, type FlowReport } from './flow.ts';
import { kernelJson } from './namespaces.ts';
import { World } from './world.ts';

/** What `weft network set --json` says in the end. */
export interface End {
  readonly outcome: string;
  readonly longestLossMs: number;
  readonly hosts: readonly { readonly host: string; readonly state: string; readonly lostMs?: number }[];
}

interface TunnelJson {
  readonly ifname: string;
  readonly mtu: number;
  readonly linkinfo: { readonly info_data: Readonly<Record<string, unknown>> };
}

/** Frames that did not fit into the queues that all of this machine's namespaces share (net.core.netdev_max_backlog). */
const overflows = (): number =>
  readFileSync('/proc/net/softnet_stat', 'utf8')
    .trim()
    .split('\n')
    .reduce((sum, line) => sum + Number.parseInt(line.split(' ')[1]!, 16), 0);

/** Two hosts with a container each in the network `red`, that talk in both families while the network is changed. */
export class ChangingNetwork {
  readonly world = new World({ program: PROGRAM, hosts: ['h1', 'h2'] });
  private readonly flows: Flow[] = [];

  static async start(mode: TunnelMode): Promise<ChangingNetwork> {
    const made = new ChangingNetwork();
    try {
      await made.furnish(mode);
      return made;
    } catch (error) {
      await made.remove();
      throw error;
    }
  }

  private async furnish(mode: TunnelMode): Promise<void> {
    const { world } = this;
    await world.startAll();
    const network = { name: 'red', subnets: ['10.1.0.0/16', 'fd00:1::/64'], mode };
    await callOk(world.controllerSocket, 'ControllerService/CreateNetwork', network);
    for (const [container, host] of [
      ['a', 'h1'],
      ['b', 'h2'],
    ] as const) {
      world.addNamespace(container);
      const { ok, body } = await world.attachTo(host, container, 'red');
      if (!ok) throw new Error(JSON.stringify(body));
    }
    const [from, to] = [world.containerOf('a'), world.containerOf('b')];
    for (const address of (await world.endpointOf('b')).addresses)
      this.flows.push(await Flow.start(from, to, address));
  }

  /** `weft network …` on the first host. */
  command(...args: readonly string[]): Promise<Outcome> {
    return weft(['network', ...args, '--root', this.world.rootOf('h1')]);
  }

  /**
   * Does it; gives what the command says of it, what the flows have seen meanwhile, and how many frames the machine
   * itself had no room for.
   */
  async change(...args: readonly string[]): Promise<{ end: End; seen: FlowReport[]; overflow: number }> {
    await this.seen();
    const before = overflows();
    const { code, stdout, stderr } = await this.command(...args, '--json');
    if (code !== 0) throw new Error(`exit code ${code}: ${stderr}${stdout}${this.world.logs()}`);
    return { end: JSON.parse(stdout), seen: await this.seen(), overflow: overflows() - before };
  }

  /** By the flows, since they were asked last. */
  seen(): Promise<FlowReport[]> {
    return Promise.all(this.flows.map((flow) => flow.report()));
  }

  async record(): Promise<NetworkJson> {
    return (await this.world.records()).networks[0]!;
  }

  /** The VXLAN devices, as `ip -d link` has them. */
  tunnelsOn(host: string): TunnelJson[] {
    const all = kernelJson<TunnelJson>('ip', `${this.world.overlaysOf(host)}100000`, '-d', 'link');
    return all.filter(({ ifname }) => ifname.startsWith('vxlan'));
  }

  async remove(): Promise<void> {
    for (const flow of this.flows) flow.stop();
    await this.world.remove();
  }
}
