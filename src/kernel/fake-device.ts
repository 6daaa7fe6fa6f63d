import { interfaceAddress } from '#model/cidr.ts';
import { ipFromNumber } from '#model/ip.ts';
import {
  type Address,
  type BridgePort,
  type Fdb,
  kernelKey,
  type Link,
  type Neighbour,
  type Route,
} from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';

/** What the kernel gives a new bridge port (net/bridge/br_if.c, new_nbp). */
const NEW_PORT: BridgePort = {
  learning: true,
  unicastFlood: true,
  multicastFlood: true,
  broadcastFlood: true,
  hairpin: false,
  neighSuppress: false,
  isolated: false,
  locked: false,
  forwarding: true,
};

/** A refusal of the fake kernel, in the kernel's own words. */
export class FakeRefusal extends Error {
  readonly errno: string;
  readonly text: string | undefined;

  constructor(errno: string, text?: string) {
    super(text ?? errno);
    this.errno = errno;
    this.text = text;
  }
}

/** A network device with all that hangs on it and goes with it. */
export class FakeDevice {
  readonly index: number;
  link: Required<Omit<Link, 'port'>> & { port?: BridgePort };
  /** The other end of a veth pair. */
  peer?: FakeDevice;
  readonly addresses = new Map<string, Address>();
  readonly routes = new Map<string, Route>();
  readonly neighbours = new Map<string, Neighbour>();
  readonly fdb = new Map<string, Fdb>();
  /** A bridge takes the smallest MTU of its ports until it is given one. */
  mtuGiven = false;

  /** `index` is not used again, unlike names; a MAC that nobody chose is made from it. */
  constructor(link: Link, index: number) {
    this.index = index;
    this.link = {
      mac: `0a:fe:${index.toString(16).padStart(8, '0').match(/../g)!.join(':')}` as Mac,
      mtu: 1500,
      group: 0,
      arp: true,
      addrGenMode: 'eui64',
      ipv6: { disabled: false, acceptRa: true },
      ...withoutUndefined(link),
      up: false,
      master: '',
      port: undefined,
    };
  }

  /** Leaves its bridge, which forgets what is behind this port. */
  leaveBridge(): void {
    this.link = { ...this.link, master: '', port: undefined };
    this.#dropRows((row) => row.table === 'master');
  }

  joinBridge(master: string): void {
    this.link = { ...this.link, master, port: NEW_PORT };
  }

  setUp(up: boolean): void {
    if (up === this.link.up) return;
    this.link = { ...this.link, up };
    if (up) {
      this.addLinkLocal();
      this.peer?.addLinkLocal();
    } else this.#goDown();
  }

  /** Going down costs the IPv6 addresses, the routes, all neighbours and what was learned; IPv4 addresses stay. */
  #goDown(): void {
    for (const [key, { address }] of this.addresses) if (address.includes(':')) this.addresses.delete(key);
    this.routes.clear();
    this.neighbours.clear();
    this.#dropRows((row) => row.state === 'learned');
  }

  /** With both ends up and addr_gen_mode eui64 the kernel makes fe80::/64 from the MAC (RFC 4291, appendix A). */
  addLinkLocal(): void {
    const { up, addrGenMode, detail, mac, ns, name } = this.link;
    if (!up || addrGenMode !== 'eui64' || detail.type === 'loopback') return;
    if (this.peer && !this.peer.link.up) return;
    const address: Address = { kind: 'address', ns, dev: name, address: linkLocalOf(mac), nodad: false };
    const key = kernelKey(address);
    if (!this.addresses.has(key)) this.addresses.set(key, address);
  }

  /** The rows that the kernel keeps by itself: the device's own MAC on its bridge, and joined multicast groups. */
  *ownRows(): Generator<Fdb> {
    const { ns, name: dev, mac, master, detail, up } = this.link;
    const row = { kind: 'fdb', ns, dev, state: 'permanent' } as const;
    if (master !== '' || detail.type === 'bridge') yield { ...row, table: 'master', mac };
    if (up && detail.type !== 'loopback' && detail.type !== 'vxlan')
      yield { ...row, table: 'self', mac: '33:33:00:00:00:01' as Mac };
  }

  #dropRows(gone: (row: Fdb) => boolean): void {
    for (const [key, row] of this.fdb) if (gone(row)) this.fdb.delete(key);
  }
}

const linkLocalOf = (mac: Mac) => {
  const bytes = mac.split(':').map((byte) => BigInt(`0x${byte}`));
  const [a, b, c, d, e, f] = bytes as [bigint, bigint, bigint, bigint, bigint, bigint];
  const id = [a ^ 2n, b, c, 0xffn, 0xfen, d, e, f].reduce((value, byte) => (value << 8n) | byte, 0n);
  return interfaceAddress(ipFromNumber((0xfe80n << 112n) | id, 6), 64);
};

const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
