import http from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EndpointJson } from './api.ts';
import { ip, kernelJson } from './namespaces.ts';
import type { World } from './world.ts';

/** Where a host's agent is to listen for its engine, and where no engine is. */
export const engineFlags = (world: World, host: string): string[] => [
  ...['--docker-plugin', socketOf(world, host)],
  ...['--docker-socket', path.join(world.rootOf(host), 'no-engine.sock')],
];

const socketOf = (world: World, host: string): string => path.join(world.rootOf(host), 'plugins/weft.sock');

/** What the engine calls the endpoint of a container, of which it has one: letters and digits. */
export const handleOf = (container: string): string => container.split('-').reverse().join('');

/** What a caller sees of an agent that is not there yet, or dies meanwhile. */
const AWAY = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE']);
/** moby/pkg/plugins/client.go: so long a plugin that cannot be reached is called again. */
const PATIENCE_MS = 30_000;

interface Answer {
  readonly Err?: string;
  readonly Address: string;
  readonly PoolID: string;
  readonly InterfaceName: { readonly SrcName: string };
}

/**
 * Does what dockerd does with a plugin and with namespaces, one call at a time, so that anything can happen between
 * any two. Containers are namespaces that the test has made; `NAME` is their endpoint's id.
 */
export class StandInEngine {
  readonly #world: World;
  readonly #host: string;
  /** By family, IPv4 first. */
  #pools: string[] = [];
  #network = '';
  /** Interfaces in the host's own namespace that wait to be moved, by container. */
  readonly #waiting = new Map<string, string>();

  constructor(world: World, host: string) {
    this.#world = world;
    this.#host = host;
  }

  /** `docker network create -d weft --ipam-driver weft -o weft.network=NAME --ipam-opt weft.network=NAME` */
  async join(network: string, ...subnets: readonly string[]): Promise<void> {
    this.#network = `net${network}`;
    this.#pools = [];
    const options = { 'weft.network': network };
    for (const Pool of subnets) {
      const pool = { AddressSpace: 'weft', Pool, SubPool: '', Options: options, V6: Pool.includes(':') };
      this.#pools.push((await this.call('IpamDriver.RequestPool', pool)).PoolID);
    }
    const data = subnets.map((Pool) => ({ AddressSpace: 'weft', Pool, Gateway: '' }));
    await this.call('NetworkDriver.CreateNetwork', {
      NetworkID: this.#network,
      Options: { 'com.docker.network.generic': options },
      IPv4Data: data.filter(({ Pool }) => !Pool.includes(':')),
      IPv6Data: data.filter(({ Pool }) => Pool.includes(':')),
    });
  }

  /** The steps of a start, in their order. */
  steps(name: string, address = ''): (() => Promise<void>)[] {
    const given: string[] = [];
    return [
      async () => {
        for (const [i, PoolID] of this.#pools.entries()) {
          const request = { PoolID, Address: i === 0 ? address : '', Options: null };
          given.push((await this.call('IpamDriver.RequestAddress', request)).Address);
        }
      },
      () => this.createEndpoint(name, ...given),
      async () => {
        const request = { ...this.#ids(name), SandboxKey: this.#sandboxOf(name), Options: {} };
        const { InterfaceName } = await this.call('NetworkDriver.Join', request);
        this.#waiting.set(name, InterfaceName.SrcName);
      },
      async () => this.#move(name),
      async () => this.#dress(name, given),
    ];
  }

  async start(name: string, address = ''): Promise<void> {
    for (const step of this.steps(name, address)) await step();
  }

  async createEndpoint(name: string, ...[Address = '', AddressIPv6 = '']: readonly string[]): Promise<void> {
    const request = { ...this.#ids(name), Interface: { Address, AddressIPv6, MacAddress: '' } };
    await this.call('NetworkDriver.CreateEndpoint', { ...request, Options: {} });
  }

  /** `ip link set wfe… netns …`, and the name that the container knows it under. */
  #move(name: string): void {
    const [host, container] = [this.#world.containerOf(this.#host), this.#world.containerOf(name)];
    const waiting = this.#waiting.get(name)!;
    ip('-n', host, 'link', 'set', waiting, 'netns', container);
    ip('-n', container, 'link', 'set', waiting, 'name', 'eth0');
  }

  #dress(name: string, addresses: readonly string[]): void {
    const container = this.#world.containerOf(name);
    ip('-n', container, 'link', 'set', 'lo', 'up');
    for (const address of addresses)
      ip(
        '-n',
        container,
        'address',
        'add',
        address,
        'dev',
        'eth0',
        ...(address.includes(':') ? ['nodad'] : []),
      );
    ip('-n', container, 'link', 'set', 'eth0', 'up');
  }

  /** The interface back under its first name, as dockerd leaves it for the plugin. */
  giveBack(name: string): void {
    const [host, container] = [this.#world.containerOf(this.#host), this.#world.containerOf(name)];
    const waiting = this.#waiting.get(name)!;
    ip('-n', container, 'link', 'set', 'eth0', 'down');
    ip('-n', container, 'link', 'set', 'eth0', 'name', waiting);
    ip('-n', container, 'link', 'set', waiting, 'netns', host);
  }

  async leave(name: string): Promise<void> {
    await this.call('NetworkDriver.Leave', this.#ids(name));
  }

  async deleteEndpoint(name: string): Promise<void> {
    await this.call('NetworkDriver.DeleteEndpoint', this.#ids(name));
  }

  async stop(name: string): Promise<void> {
    const container = this.#world.containerOf(name);
    if (kernelJson<{ ifname: string }>('ip', container, 'link').some(({ ifname }) => ifname === 'eth0'))
      this.giveBack(name);
    await this.leave(name);
    await this.deleteEndpoint(name);
  }

  /** As the controller has it. */
  async endpointOf(name: string): Promise<EndpointJson | undefined> {
    const { endpoints } = await this.#world.records();
    return endpoints.find(({ containerId }) => containerId === this.#handleOf(name));
  }

  #ids(name: string): object {
    return { NetworkID: this.#network, EndpointID: this.#handleOf(name) };
  }

  #handleOf(name: string): string {
    return handleOf(this.#world.containerOf(name));
  }

  #sandboxOf(name: string): string {
    return `/run/netns/${this.#world.containerOf(name)}`;
  }

  /** A refusal throws; a plugin that is not there is called again, for a while. */
  async call(method: string, request: object): Promise<Answer> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        const answer = await this.#post(method, request);
        if (answer.Err) throw new Error(`${method}: ${answer.Err}`);
        return answer;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (!AWAY.has(code ?? '') || Date.now() > deadline) throw error;
        await sleep(20);
      }
    }
  }

  #post(method: string, request: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = { socketPath: socketOf(this.#world, this.#host), path: `/${method}`, method: 'POST' };
      const asked = http.request({ ...options, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => {
          text += part;
        });
        response.on('error', reject).on('end', () => resolve(JSON.parse(text)));
      });
      asked.on('error', reject).end(`${JSON.stringify(request)}\n`);
    });
  }
}
