import { execFileSync } from 'node:child_process';
import { ip, kernelJson } from './namespaces.ts';

/** A bridge of a host that Weft did not make, with containers behind it, as somebody else's program makes them. */
export class StrangeBridge {
  readonly host: string;
  readonly name: string;
  readonly gateways: readonly string[];

  constructor(host: string, name: string, gateways: readonly string[]) {
    this.host = host;
    this.name = name;
    this.gateways = gateways;
    this.make();
  }

  make(): void {
    ip('-n', this.host, 'link', 'add', this.name, 'type', 'bridge');
    // With a MAC of its own, as Docker and libvirt give theirs: else it takes one of its ports'.
    const mac = kernelJson<{ address: string }>('ip', this.host, 'link', 'show', this.name)[0]!.address;
    ip('-n', this.host, 'link', 'set', this.name, 'address', mac, 'addrgenmode', 'none');
    ip('-n', this.host, 'link', 'set', this.name, 'up');
    for (const gateway of this.gateways) addAddress(this.host, gateway, this.name);
  }

  /** `eth0` of that namespace, and a port of the bridge. */
  plug(container: string, addresses: readonly string[], mac: string, mtu = 1500): void {
    const port = portOf(container);
    const end = ['peer', 'name', 'eth0', 'netns', container, 'address', mac, 'mtu', `${mtu}`];
    ip(
      '-n',
      this.host,
      'link',
      'add',
      port,
      'address',
      `fe${mac.slice(2)}`,
      'mtu',
      `${mtu}`,
      'type',
      'veth',
      ...end,
    );
    // No address of its own, which would take its time to be one.
    ip('-n', this.host, 'link', 'set', port, 'master', this.name, 'addrgenmode', 'none');
    ip('-n', this.host, 'link', 'set', port, 'up');
    for (const address of addresses) addAddress(container, address, 'eth0');
    ip('-n', container, 'link', 'set', 'eth0', 'up');
  }

  unplug(container: string): void {
    ip('-n', this.host, 'link', 'del', portOf(container));
  }

  remove(): void {
    ip('-n', this.host, 'link', 'del', this.name);
  }

  get mac(): string {
    return kernelJson<{ address: string }>('ip', this.host, 'link', 'show', this.name)[0]!.address;
  }
}

/** Usable at once. */
const addAddress = (ns: string, address: string, dev: string): string =>
  ip('-n', ns, 'address', 'add', address, 'dev', dev, ...(address.includes(':') ? ['nodad'] : []));

const portOf = (container: string): string => `v${container.slice(-10)}`;

/** What changes by itself. */
const VOLATILE =
  /timer|^topology_change|^tcn|^stats|^ifindex$|^link_index$|^operstate$|^tentative$|_life_time$|^link$/;

/** Whether the kernel has tried all its addresses: each brings a route when it is done (DAD). */
export const isAtRest = (host: string): boolean =>
  kernelJson<{ addr_info?: readonly object[] }>('ip', host, 'address', 'show', 'tentative').every(
    ({ addr_info = [] }) => addr_info.length === 0,
  );

/**
 * All that a host's own namespace is, for comparing before and after: links with their details, addresses, routes,
 * ports, rows that nobody learned, rules.
 */
export function lookAtHost(host: string): string[] {
  const lines = (what: string, objects: readonly object[]) =>
    objects.map((object) => `${what} ${JSON.stringify(object, settled)}`);
  return [
    ...lines('link', kernelJson('ip', host, 'link')),
    ...lines('address', kernelJson('ip', host, 'address')),
    ...lines('route', kernelJson('ip', host, 'route', 'show', 'table', 'all')),
    ...lines('port', kernelJson('bridge', host, 'link')),
    ...lines(
      'fdb',
      kernelJson<{ state?: string }>('bridge', host, 'fdb').filter(({ state }) => state === 'permanent'),
    ),
    ...nft(host, '--stateless', 'list', 'ruleset').split('\n'),
  ].sort();
}

const settled = (key: string, value: unknown): unknown => (VOLATILE.test(key) ? undefined : value);

export const nft = (host: string, ...words: readonly string[]): string =>
  execFileSync('nsenter', [`--net=/run/netns/${host}`, 'nft', ...words], {
    encoding: 'utf8',
    // It warns of rules that are iptables's.
    stdio: ['ignore', 'pipe', 'ignore'],
  });

/** Throws with the lines that only one of them has. */
export function expectSame(now: readonly string[], then: readonly string[]): void {
  const differing = [
    ...then.filter((line) => !now.includes(line)).map((line) => `- ${line}`),
    ...now.filter((line) => !then.includes(line)).map((line) => `+ ${line}`),
  ];
  if (differing.length > 0) throw new Error(`not as it was:\n${differing.join('\n')}`);
}
