import type { EndpointJson, HostJson, NetworkJson, Records } from './api.ts';
import { namespacesWith, readKernels } from './namespaces.ts';
import { handleOf } from './stand-in-engine.ts';

/*
 * One host's kernel as sorted lines, twice: as the records ask for it, by rules written down here anew, and as ip(8)
 * and bridge(8) see it. What is equal is right; what is extra has leaked.
 */

/** What must be there, and nothing else but {@link allowedLines}. In the modes `proxy`, `static`, `on-demand`, over IPv4. */
export function expectedLines(
  records: Records,
  hostName: string,
  overlays: string,
  containers: readonly string[] = [],
): string[] {
  const host = records.hosts.find(({ name }) => name === hostName)!;
  const lines = ['host link eth0', 'host link lo', ...adoptedLines(records, host)];
  for (const network of records.networks) {
    const members = records.endpoints.filter((endpoint) => endpoint.network === network.id);
    const local = members.filter((endpoint) => endpoint.host === host.id);
    if (local.length === 0) continue;
    const ns = `${overlays}${network.vni.toString(16)}`;
    const vtep = host.underlay[0];
    const gateways = network.subnets.map(({ gateway }) => ` with ${gateway}`).join('');
    lines.push(`${ns} link lo`, `${ns} br0 bridge mtu ${network.mtu} up${gateways}`);
    const dev = `vxlan${network.device ?? 0}`;
    const wire = `${network.vni} ${vtep} port ${network.port}`;
    const flags = network.mode === 'static' ? '' : ' proxy';
    lines.push(`${ns} ${dev} vxlan ${wire}${flags} mtu ${network.mtu} br0 up`);
    // None of the networks here has Weft's gateway for engines' containers.
    if (!network.internal && local.some(({ runtime }) => runtime === 'netns'))
      lines.push(...wayOutLines(ns, network));
    for (const { id, mac } of local) {
      const port = `p${id.slice(-12).toLowerCase()}`;
      lines.push(`${ns} ${port} veth mtu ${network.mtu} br0 up`, `${ns} fdb ${mac} ${port} master`);
    }
    if (network.mode !== 'on-demand') {
      const elsewhere = members.filter((endpoint) => endpoint.host !== host.id);
      for (const id of new Set(elsewhere.map((endpoint) => endpoint.host)))
        lines.push(`${ns} fdb 00:00:00:00:00:00 ${dev} ${vtepOf(records, id)}`);
      lines.push(...remoteLines(records, network, host, overlays));
    }
    for (const endpoint of local)
      if (endpoint.runtime === 'host') lines.push(`host link wfh${network.vni.toString(16)}`);
      else lines.push(...containerLines(endpoint, network.mtu, containers));
  }
  return lines.sort();
}

/** What may be there: rows that somebody asked for. */
export function allowedLines(records: Records, hostName: string, overlays: string): string[] {
  const host = records.hosts.find(({ name }) => name === hostName)!;
  return records.networks.flatMap((network) =>
    network.mode === 'on-demand' ? remoteLines(records, network, host, overlays) : [],
  );
}

const vtepOf = ({ hosts }: Records, id: string) => hosts.find((each) => each.id === id)!.underlay[0];

/** Where those of a network are that are on other hosts. */
function remoteLines(records: Records, network: NetworkJson, host: HostJson, overlays: string): string[] {
  const ns = `${overlays}${network.vni.toString(16)}`;
  return records.endpoints.flatMap(({ network: id, host: at, mac, addresses }) => {
    if (id !== network.id || at === host.id) return [];
    const neighbours = network.mode === 'static' ? [] : [...addresses, linkLocalOf(mac)];
    return [
      `${ns} fdb ${mac} vxlan${network.device ?? 0} ${vtepOf(records, at)}`,
      ...neighbours.map((address) => `${ns} neigh ${address} ${mac}`),
    ];
  });
}

/** Tunnels in bridges that something else made, with the MTU of these. In mode `static`. */
function adoptedLines(records: Records, host: HostJson): string[] {
  const { networks, adoptions } = records;
  return adoptions.flatMap((adoption) => {
    if (adoption.host !== host.id) return [];
    const { vni, port } = networks.find(({ id }) => id === adoption.network)!;
    const dev = `wfx${vni.toString(16)}`;
    const others = adoptions.filter((each) => each.network === adoption.network && each !== adoption);
    const rows = others.flatMap(({ host: id, stations = [] }) =>
      ['00:00:00:00:00:00', ...stations.map(({ mac }) => mac)].map(
        (mac) => `host fdb ${mac} ${dev} ${vtepOf(records, id)}`,
      ),
    );
    return [
      `host ${dev} vxlan ${vni} ${host.underlay[0]} port ${port} mtu 1500 ${adoption.bridge} up`,
      ...rows,
    ];
  });
}

/** Two addresses a VNI of 240.0.0.0/7, and of a prefix of Weft's own. */
function wayOutLines(ns: string, { vni, subnets }: NetworkJson): string[] {
  const number = vni * 2 + 1;
  const ipv4 = [240 + (number >>> 24), (number >>> 16) & 255, (number >>> 8) & 255, number & 255].join('.');
  const ipv6 = `fd77:6566:7400::${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`;
  const has = (separator: string) => subnets.some(({ cidr }) => cidr.includes(separator));
  const addresses = [...(has('.') ? [ipv4] : []), ...(has(':') ? [ipv6, 'fe80::2'] : [])];
  return [
    `host link wfg${vni.toString(16)}`,
    `${ns} up0 veth mtu 1500 up${addresses.map((each) => ` with ${each}`).join('')}`,
  ];
}

function containerLines(
  { containerId, interface: dev, mac, addresses }: EndpointJson,
  mtu: number,
  containers: readonly string[],
): string[] {
  const all = [...addresses, linkLocalOf(mac)].sort().join(' ');
  const container = containers.find((each) => handleOf(each) === containerId) ?? containerId;
  return [`${container} ${dev} ${mac} mtu ${mtu} up: ${all}`];
}

/** RFC 4291, appendix A; as ip(8) writes it. */
function linkLocalOf(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const groups = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  const url = new URL(`http://[fe80::${groups.map((group) => group.toString(16)).join(':')}]/`);
  return url.hostname.slice(1, -1);
}

interface LinkJson {
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly master?: string;
  readonly flags: readonly string[];
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: {
      readonly id?: number;
      readonly local?: string;
      readonly port?: number;
      readonly proxy?: boolean;
    };
  };
  readonly addr_info: readonly { readonly local: string; readonly tentative?: boolean }[];
}
/** Of `bridge -j fdb`. */
export interface FdbJson {
  readonly mac: string;
  readonly ifname: string;
  readonly dst?: string;
  readonly state?: string;
  readonly master?: string;
  readonly flags: readonly string[];
}
/** Of `ip -j neigh`. */
export interface NeighbourJson {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
  readonly state: readonly string[];
}

/** Of the host's own namespace, of all overlay namespaces that bear its tag, and of its containers that are there. */
export function actualLines(
  hostNamespace: string,
  overlays: string,
  containers: readonly string[],
): string[] {
  const inside = namespacesWith(overlays);
  const running = containers.filter((container) => namespacesWith(container).includes(container));
  const answers = readKernels([
    ['ip', hostNamespace, 'address'],
    ['bridge', hostNamespace, 'fdb'],
    ...running.map((container) => ['ip', container, 'address'] as const),
    ...inside.flatMap((ns) => [
      ['ip', ns, 'address'] as const,
      ['bridge', ns, 'fdb'] as const,
      ['ip', ns, 'neighbour'] as const,
    ]),
  ]);
  const links = () => (answers.shift() as LinkJson[]).filter(isNoFallback);
  const host = [
    ...links().flatMap(hostLine),
    ...fdbLines(
      'host',
      (answers.shift() as FdbJson[]).filter(({ dst }) => dst),
    ),
  ];
  const ends = running.flatMap((container) => interfaceLines(container, links()));
  const overlay = inside.flatMap((ns) => [
    ...linkLines(ns, links()),
    ...fdbLines(ns, answers.shift() as FdbJson[]),
    ...neighbourLines(ns, answers.shift() as NeighbourJson[]),
  ]);
  return [...host, ...overlay, ...ends].sort();
}

/** The kernel's own fallback devices come with every namespace. */
const isNoFallback = ({ ifname }: LinkJson): boolean => !/^(sit|gre|erspan|tunl|ip6)/.test(ifname);

/** Others' bridges, and what is in them but for our tunnels, are not looked at. */
function hostLine(link: LinkJson): string[] {
  const kind = link.linkinfo?.info_kind;
  if (kind === 'vxlan') return linkLines('host', [link]);
  return kind === 'bridge' || link.master ? [] : [`host link ${link.ifname}`];
}

const isUp = ({ flags }: LinkJson): string => (flags.includes('UP') ? 'up' : 'down');

const linkLines = (ns: string, links: readonly LinkJson[]): string[] =>
  links.map((link) => {
    const { ifname, mtu, master, linkinfo, addr_info } = link;
    if (ifname === 'lo') return `${ns} link lo`;
    const { id, local, port, proxy } = linkinfo?.info_data ?? {};
    const vxlan =
      linkinfo?.info_kind === 'vxlan' ? ` ${id} ${local} port ${port}${proxy ? ' proxy' : ''}` : '';
    const addresses = addr_info
      .filter(({ local }) => local !== linkLocalOf(link.address))
      .map(({ local }) => ` with ${local}`)
      .join('');
    const joined = master ? ` ${master}` : '';
    return `${ns} ${ifname} ${linkinfo?.info_kind}${vxlan} mtu ${mtu}${joined} ${isUp(link)}${addresses}`;
  });

/** The devices' own addresses and multicast groups are `permanent` and without a destination. */
const fdbLines = (ns: string, rows: readonly FdbJson[]): string[] =>
  rows
    .filter(({ dst, state }) => dst || state !== 'permanent')
    .map(({ mac, ifname, dst, master }) => `${ns} fdb ${mac} ${ifname} ${dst ?? (master && 'master')}`);

/** What a gateway has found out of its neighbours is the kernel's: a container may say something at any time. */
const neighbourLines = (ns: string, rows: readonly NeighbourJson[]): string[] =>
  rows.flatMap(({ dst, dev, lladdr, state }) => {
    if (state.includes('PERMANENT')) return [`${ns} neigh ${dst} ${lladdr}`];
    return dev.startsWith('vxlan') ? [`${ns} neigh ${dst} ${lladdr} ${state}`] : [];
  });

const interfaceLines = (container: string, links: readonly LinkJson[]): string[] =>
  links
    .filter(({ ifname }) => ifname !== 'lo')
    .map((link) => {
      const addresses = link.addr_info.map(({ local, tentative }) => (tentative ? `${local}?` : local));
      const all = addresses.sort().join(' ');
      return `${container} ${link.ifname} ${link.address} mtu ${link.mtu} ${isUp(link)}: ${all}`;
    });
