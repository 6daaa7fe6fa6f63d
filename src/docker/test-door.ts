import type { DoorAttach, DoorAttached, DoorDescription, HoldAsk, HostDoor } from '#api/door.ts';
import { addressAt, type Cidr, cidrContains, cidrsOverlap } from '#model/cidr.ts';
import { fault, type Rejection, reject } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';
import type { Notice } from '#model/notice.ts';
import type { Network } from '#model/records.ts';
import type { Vni } from '#model/vni.ts';
import type { CreateNetwork } from '#model/wish.ts';

let count = 0;
export const testId = (number = ++count): Id => String(number).padStart(26, '0') as Id;

export const testNetwork = (
  name: string,
  subnets: readonly string[],
  more: Partial<Network> = {},
): Network => ({
  kind: 'network',
  id: testId(),
  name,
  vni: 1_048_576 as Vni,
  port: 4789,
  mode: 'proxy',
  underlay: 'ipv4',
  mtu: 1450,
  ttl: 64,
  subnets: subnets.map((cidr) => ({ cidr: cidr as Cidr, gateway: addressAt(cidr as Cidr, 1n) })),
  adopts: false,
  internal: false,
  gateway: 'runtime',
  portSecurity: 'on',
  labels: {},
  ...more,
});

/** For unit tests: what an agent answers, without one. It can be away from its controller, and slow. */
export class TestDoor implements HostDoor {
  readonly host = testId(9_999);
  readonly made: Network[] = [];
  readonly ports = new Map<string, DoorAttached>();
  readonly described = new Map<string, DoorDescription>();
  readonly holds = new Set<string>();
  readonly written = new Map<string, unknown>();
  shown: readonly Notice[] = [];
  connected = true;
  private readonly watchers = new Set<() => void>();

  networks(): readonly Network[] {
    return this.made;
  }

  addNetwork(network: Network): Network {
    this.made.push(network);
    for (const tell of this.watchers) tell();
    return network;
  }

  removeNetwork(id: Id): void {
    this.made.splice(
      this.made.findIndex((network) => network.id === id),
      1,
    );
    for (const tell of this.watchers) tell();
  }

  watchNetworks(onChange: () => void): () => void {
    this.watchers.add(onChange);
    return () => void this.watchers.delete(onChange);
  }

  isConnected(): boolean {
    return this.connected;
  }

  async createNetwork(words: Omit<CreateNetwork, 'wish'>): Promise<Network | Rejection> {
    const tried = await this.tryNetwork(words);
    return 'outcome' in tried ? tried : this.addNetwork(tried);
  }

  async tryNetwork(words: Omit<CreateNetwork, 'wish'>): Promise<Network | Rejection> {
    const { name, subnets, gateways: _, allowOverlap: __, vni, ...rest } = words;
    if (!this.connected) return reject('unavailable', fault('controller', '', 'is away', 'wait for it'));
    const clash = this.made.find((network) => network.name === name);
    if (clash) return reject('conflict', fault('name', name, 'is taken', 'choose another name'));
    if (vni && this.made.some((network) => network.vni === vni))
      return reject('conflict', fault('vni', vni, 'is taken by another network', 'choose another VNI'));
    return testNetwork(name, subnets, { ...(rest as Partial<Network>), ...(vni && { vni: vni as Vni }) });
  }

  vtepsOf(): readonly Ip[] {
    return ['192.0.2.2' as Ip];
  }

  freeSubnet(_: number, except: readonly Cidr[]): Cidr | Rejection {
    const taken = [...except, ...this.made.flatMap(({ subnets }) => subnets.map(({ cidr }) => cidr))];
    for (let third = 0; third < 256; third += 16) {
      const cidr = `10.128.${third}.0/20` as Cidr;
      if (!taken.some((each) => cidrsOverlap(each, cidr))) return cidr;
    }
    return reject('exhausted', fault('subnet', 'pool', 'has no range left', 'give --subnet'));
  }

  async holdAddress({ network, subnet, address }: HoldAsk): Promise<Ip | Rejection> {
    for (let offset = 2n; ; offset++) {
      const ip = address ?? addressAt(subnet, offset);
      const isTaken =
        this.holds.has(`${network} ${ip}`) ||
        [...this.ports.values()].some(
          ({ endpoint }) => endpoint.network === network && endpoint.addresses.includes(ip),
        );
      if (isTaken && address)
        return reject('conflict', fault('ip', address, 'is taken by endpoint db', 'choose another'));
      if (isTaken) continue;
      if (!cidrContains(subnet, ip))
        return reject('invalid', fault('ip', ip, `is outside ${subnet}`, 'choose another'));
      this.holds.add(`${network} ${ip}`);
      return ip;
    }
  }

  dropHold(network: Id, address: Ip): void {
    this.holds.delete(`${network} ${address}`);
  }

  async attach({ handle, network, addresses, mac, runtime }: DoorAttach): Promise<DoorAttached | Rejection> {
    const known = this.ports.get(handle);
    if (known) return known;
    const number = ++count;
    const attached: DoorAttached = {
      handle,
      hostInterface: `wfe${number}`,
      isGone: false,
      endpoint: {
        kind: 'endpoint',
        id: testId(number),
        network,
        host: this.host,
        runtime,
        containerId: handle,
        interface: 'eth0',
        name: handle,
        aliases: [],
        mac: (mac ?? `02:00:00:00:00:${(number & 255).toString(16).padStart(2, '0')}`) as Mac,
        addresses,
        generation: 1,
      },
    };
    for (const ip of addresses) this.dropHold(network, ip);
    this.ports.set(handle, attached);
    return attached;
  }

  async settle(_: string, handle: string, sandboxPath: string): Promise<undefined> {
    this.ports.set(handle, { ...this.ports.get(handle)!, sandboxPath });
  }

  describe(_: string, handle: string, words: DoorDescription): void {
    this.described.set(handle, words);
  }

  async detach(_: string, handle: string): Promise<undefined> {
    this.ports.delete(handle);
  }

  attached(): readonly DoorAttached[] {
    return [...this.ports.values()];
  }

  showNotices(notices: readonly Notice[]): void {
    this.shown = notices;
  }

  readonly notes = {
    all: (): ReadonlyMap<string, unknown> => this.written,
    put: async (key: string, note: unknown): Promise<void> => {
      if (note === undefined) this.written.delete(key);
      else this.written.set(key, JSON.parse(JSON.stringify(note)));
    },
  };
}
