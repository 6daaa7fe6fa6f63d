import type { ChildProcess } from 'node:child_process';
import type { UnderlayFamily } from '#model/records.ts';
import { PROGRAM } from '../cluster/lab-cli.ts';
import { callOk, type EndpointJson, type NetworkJson } from './api.ts';
import { startEcho } from './talk.ts';
import { World } from './world.ts';

export const HOSTS = ['h1', 'h2', 'h3'];

export interface NetworkWords {
  readonly mode: string;
  readonly underlay?: UnderlayFamily;
  readonly subnets?: readonly string[];
  readonly group?: string;
}

/** One container per host, `c-h1` and onwards, each answering TCP and UDP, in one network at a time. */
export class ThreeHosts {
  readonly world = new World({ program: PROGRAM, hosts: HOSTS });
  private readonly servers: ChildProcess[] = [];

  async start(): Promise<void> {
    await this.world.startAll();
    for (const host of HOSTS) this.servers.push(await startEcho(this.world.addNamespace(`c-${host}`)));
  }

  containerOn(host: string): string {
    return this.world.containerOf(`c-${host}`);
  }

  hostNamespace(host: string): string {
    return this.world.containerOf(host);
  }

  async network(name: string, words: NetworkWords): Promise<NetworkJson> {
    const request = { name, subnets: ['10.1.0.0/16', 'fd00:1::/64'], ...words };
    const { subject } = await callOk(this.world.controllerSocket, 'ControllerService/CreateNetwork', request);
    return subject.network;
  }

  /** Their endpoints, in the order of the hosts; each host knows of all. */
  async attachAll(network: string, hosts: readonly string[] = HOSTS): Promise<EndpointJson[]> {
    for (const host of hosts) {
      const { ok, body } = await this.world.attachTo(host, `c-${host}`, network);
      if (!ok) throw new Error(`${JSON.stringify(body)}\n${this.world.logs()}`);
    }
    const endpoints = await Promise.all(hosts.map((host) => this.world.endpointOf(`c-${host}`)));
    await this.world.untilApplied(hosts);
    return endpoints;
  }

  async removeNetwork(network: string): Promise<void> {
    for (const host of HOSTS) await this.world.detachAll(host, `c-${host}`);
    await this.world.untilAllDetached();
    await callOk(this.world.controllerSocket, 'ControllerService/RemoveNetwork', { network });
  }

  async remove(): Promise<void> {
    for (const server of this.servers) server.kill('SIGKILL');
    await this.world.remove();
  }
}
