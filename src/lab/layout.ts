import type { UnderlayFamily } from '#model/records.ts';
import type { TunnelMode } from '#model/tunnel-mode.ts';
import { countOf } from './count-of.ts';

/** What a user may choose of a lab. */
export interface LabShape {
  readonly hosts: number;
  /** On each host, in each network. */
  readonly containers: number;
  readonly networks: number;
  readonly mode: TunnelMode;
  /** Family of the outer header. */
  readonly underlay: UnderlayFamily;
  /** Of the underlay, in bytes. */
  readonly mtu: number;
}

export interface LabHost {
  readonly name: string;
  /** Its network namespace under /run/netns. */
  readonly namespace: string;
  /** `--root` of its agent. */
  readonly root: string;
  readonly addresses: readonly string[];
  readonly containers: readonly LabContainer[];
}

export interface LabContainer {
  /** Unique on its host. */
  readonly name: string;
  readonly namespace: string;
  readonly network: string;
  /** What it is called in its network. */
  readonly endpoint: string;
}

export interface LabNetwork {
  readonly name: string;
  readonly subnets: readonly string[];
}

/** Everything that a lab will make, named before any of it exists. */
export interface LabLayout {
  readonly name: string;
  readonly directory: string;
  readonly shape: LabShape;
  /** The namespace of the underlay's bridge; the controller runs in it, too. */
  readonly fabric: string;
  /** `--root` of the controller. */
  readonly controllerRoot: string;
  readonly hosts: readonly LabHost[];
  readonly networks: readonly LabNetwork[];
}

export const NETWORK_NAMES = ['blue', 'green', 'red', 'gold', 'violet', 'teal', 'pink', 'lime'] as const;
/** 10.99.0.K/24 has room for 254; a machine's memory has not. */
export const MAX_HOSTS = 64;
export const MAX_CONTAINERS = 64;
/** Without its own address, the gateway's and the broadcast. */
const MOST_IN_SLASH_24 = 253;

/**
 * Names and addresses of a lab: host K has 10.99.0.K and fd99::K on its `eth0`, network N is 10.N.0.0/24 (or /16, where
 * its containers are too many for that) and fd0N::/64. The same shape in the same directory is always the same layout.
 */
export function layOutLab(name: string, directory: string, shape: LabShape): LabLayout {
  const length = shape.hosts * shape.containers > MOST_IN_SLASH_24 ? 16 : 24;
  const networks = NETWORK_NAMES.slice(0, shape.networks).map((network, index) => ({
    name: network,
    subnets: [`10.${index + 1}.0.0/${length}`, `fd0${index + 1}::/64`],
  }));
  const hosts = Array.from({ length: shape.hosts }, (_, index) =>
    layOutHost(name, directory, index + 1, networks, shape.containers),
  );
  return {
    name,
    directory,
    shape,
    fabric: `${name}-fabric`,
    controllerRoot: `${directory}/controller`,
    hosts,
    networks,
  };
}

function layOutHost(
  lab: string,
  directory: string,
  number: number,
  networks: readonly LabNetwork[],
  containersPerNetwork: number,
): LabHost {
  const host = `h${number}`;
  const containers = networks.flatMap((network, networkIndex) =>
    Array.from({ length: containersPerNetwork }, (_, index) => {
      const name = `c${networkIndex * containersPerNetwork + index + 1}`;
      return {
        name,
        namespace: `${lab}-${host}-${name}`,
        network: network.name,
        endpoint: `${host}-${name}`,
      };
    }),
  );
  return {
    name: host,
    namespace: `${lab}-${host}`,
    root: `${directory}/${host}`,
    addresses: [`10.99.0.${number}/24`, `fd99::${number.toString(16)}/64`],
    containers,
  };
}

/** Every namespace that the lab itself makes: the fabric, the hosts, the containers. */
export const labNamespaces = (lab: LabLayout): string[] => [
  lab.fabric,
  ...lab.hosts.flatMap((host) => [host.namespace, ...host.containers.map(({ namespace }) => namespace)]),
];

export const describeShape = ({ hosts, containers, networks, mode, underlay, mtu }: LabShape): string =>
  `${countOf(hosts, 'host')}, ${countOf(networks, 'network')}, ${countOf(containers, 'container')} in each network on each host, ` +
  `mode ${mode}, ${underlay}, MTU ${mtu}`;
