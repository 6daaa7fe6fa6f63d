import { isOverlayNamespaceOf } from '#model/own.ts';
import { atMost } from '../at-most.ts';
import { existingNamespaces } from '../down.ts';
import type { LabContainer, LabHost, LabLayout } from '../layout.ts';
import { weftOn } from '../program.ts';
import { runOrThrow } from '../run.ts';
import type { LabState } from '../state.ts';
import type { DemoContainer, DemoHost, DemoNetwork, DemoTunnel, Topology } from './report.ts';

const COMMANDS_AT_ONCE = 8;

/** What the commands print, as far as it is used here. */
interface NetworkJson {
  readonly id: string;
  readonly name: string;
  readonly vni: number;
  readonly mode: string;
  readonly subnets: readonly { readonly cidr: string }[];
}
interface EndpointJson {
  readonly network: string;
  readonly name: string;
  readonly interface: string;
}
interface LinkJson {
  readonly ifindex: number;
  readonly ifname: string;
  readonly mtu: number;
  readonly address: string;
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number }[];
  readonly linkinfo?: {
    readonly info_data?: {
      readonly id: number;
      readonly port: number;
      readonly local?: string;
      readonly local6?: string;
      readonly learning: boolean;
      readonly proxy?: boolean;
    };
  };
}
interface FdbJson {
  readonly mac: string;
  readonly dst?: string;
}

/**
 * The lab as it is now: names and who is in which network from Weft's records (`weft … --json`), everything else from
 * the kernel's own tables (`ip -j`, `bridge -j`). Throws LabError when one of these commands fails.
 */
export async function readTopology({ layout, hostTags }: LabState, signal: AbortSignal): Promise<Topology> {
  const [networks, endpoints] = await Promise.all([
    weftJson<NetworkJson[]>(layout, ['network', 'ls'], signal),
    weftJson<EndpointJson[]>(layout, ['endpoint', 'ls'], signal),
  ]);
  const overlays = existingNamespaces(layout, hostTags);
  const hosts = await Promise.all(
    layout.hosts.map((host, index) => {
      const own = overlays.filter((name) => isOverlayNamespaceOf(hostTags[index]!, name));
      return readHost(host, own, networks, endpoints, signal);
    }),
  );
  return {
    underlay: { subnets: ['10.99.0.0/24', 'fd99::/64'], mtu: hosts[0]!.mtu },
    networks: networks.map(toNetwork).sort((a, b) => a.vni - b.vni),
    hosts,
  };
}

const weftJson = async <T>(lab: LabLayout, args: readonly string[], signal: AbortSignal): Promise<T> =>
  JSON.parse(await weftOn(lab, lab.hosts[0]!, [...args, '--json'], signal)) as T;

const toNetwork = ({ name, vni, mode, subnets }: NetworkJson): DemoNetwork => ({
  name,
  vni,
  mode,
  subnets: subnets.map(({ cidr }) => cidr),
});

async function readHost(
  host: LabHost,
  overlays: readonly string[],
  networks: readonly NetworkJson[],
  endpoints: readonly EndpointJson[],
  signal: AbortSignal,
): Promise<DemoHost> {
  const [underlay] = await kernelJson<LinkJson[]>(
    host.namespace,
    'ip',
    ['addr', 'show', 'dev', 'eth0'],
    signal,
  );
  const tunnels = await atMost(COMMANDS_AT_ONCE, overlays, (overlay) =>
    readTunnel(overlay, networks, signal),
  );
  const containers = await atMost(COMMANDS_AT_ONCE, host.containers, (container) =>
    readContainer(host, container, networks, endpoints, signal),
  );
  return {
    name: host.name,
    namespace: host.namespace,
    ...interfaceFacts(underlay!),
    tunnels,
    containers: containers.flat(),
  };
}

async function readTunnel(
  namespace: string,
  networks: readonly NetworkJson[],
  signal: AbortSignal,
): Promise<DemoTunnel> {
  // vxlan0, or vxlan1 after a change of the UDP port.
  const [link] = await kernelJson<LinkJson[]>(
    namespace,
    'ip',
    ['-d', 'link', 'show', 'type', 'vxlan'],
    signal,
  );
  const show = ['show', 'dev', link!.ifname];
  const [fdb, neighbours] = await Promise.all([
    kernelJson<FdbJson[]>(namespace, 'bridge', ['fdb', ...show], signal),
    kernelJson<unknown[]>(namespace, 'ip', ['neigh', ...show], signal),
  ]);
  const { id, port, local, local6, learning, proxy = false } = link!.linkinfo!.info_data!;
  const remote = fdb.flatMap(({ mac, dst }) => (dst === undefined ? [] : [{ mac, vtep: dst }]));
  const isFlood = ({ mac }: { readonly mac: string }) => mac === '00:00:00:00:00:00';
  return {
    network: networks.find(({ vni }) => vni === id)?.name ?? `VNI ${id}`,
    namespace,
    vni: id,
    port,
    local: (local ?? local6)!,
    mtu: link!.mtu,
    learning,
    proxy,
    flood: remote.filter(isFlood).map(({ vtep }) => vtep),
    remote: remote.filter((entry) => !isFlood(entry)),
    neighbours: neighbours.length,
  };
}

/** One row for each network that the container is in; none when it is in no network. */
async function readContainer(
  host: LabHost,
  { name, namespace, endpoint }: LabContainer,
  networks: readonly NetworkJson[],
  endpoints: readonly EndpointJson[],
  signal: AbortSignal,
): Promise<DemoContainer[]> {
  const links = await kernelJson<LinkJson[]>(namespace, 'ip', ['addr', 'show'], signal);
  return endpoints
    .filter((each) => each.name === endpoint)
    .flatMap((each) => {
      const link = links.find(({ ifname }) => ifname === each.interface);
      const network = networks.find(({ id }) => id === each.network)?.name;
      return link && network ? [{ name, host: host.name, namespace, network, ...interfaceFacts(link) }] : [];
    });
}

const interfaceFacts = ({ ifname, ifindex, mtu, address, addr_info }: LinkJson) => ({
  interface: ifname,
  ifindex,
  mac: address,
  mtu,
  addresses: addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
});

async function kernelJson<T>(
  namespace: string,
  program: 'ip' | 'bridge',
  args: readonly string[],
  signal: AbortSignal,
): Promise<T> {
  const text = await runOrThrow(program, ['-j', ...args], { namespace, signal });
  // bridge(8) prints nothing at all, not even [], for an empty table in some versions.
  return JSON.parse(text.trim() || '[]') as T;
}
