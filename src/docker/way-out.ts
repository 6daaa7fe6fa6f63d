import { type Cidr, cidrsOverlap, parseCidr } from '#model/cidr.ts';
import type { Notice } from '#model/notice.ts';
import type { Network } from '#model/records.ts';
import type { EngineNetwork } from './engine-api.ts';

/** Docker's own way out of networks without a gateway, made with the first container that needs it. */
const GWBRIDGE = 'docker_gwbridge';

export const isLeftByWeft = ({ gateway, internal }: Network): boolean => gateway === 'anycast' && !internal;

/**
 * Docker chooses the subnet of its docker_gwbridge by the routes of its host, and the networks of Weft are none: where
 * they overlap no container starts, and Docker speaks of routes that nobody knows.
 */
export function wayOutNotices(networks: readonly Network[], docker: readonly EngineNetwork[]): Notice[] {
  const bridge = docker.find(({ Name, Driver }) => Name === GWBRIDGE && Driver === 'bridge');
  const taken = (bridge?.IPAM?.Config ?? []).flatMap(({ Subnet }) => subnetOf(Subnet));
  return networks
    .filter((network) => !network.internal && !network.adopts && !isLeftByWeft(network))
    .flatMap(({ name, subnets }) => {
      const cidr = taken.find((each) => subnets.some((subnet) => cidrsOverlap(subnet.cidr, each)));
      return cidr ? [overlapNotice(name, cidr)] : [];
    });
}

const overlapNotice = (name: string, cidr: Cidr): Notice => ({
  code: 'docker-gwbridge-overlap',
  title: `Containers in network ${name} do not start on this host`,
  sentence: `Docker would give each an interface in its ${GWBRIDGE}, too, whose subnet here is ${cidr}: one of the network's own addresses.`,
  next: `docker network rm ${GWBRIDGE}, when no container is in it, then docker network create --subnet SUBNET -o com.docker.network.bridge.name=${GWBRIDGE} -o com.docker.network.bridge.enable_icc=false ${GWBRIDGE}; or another network, internal, with another subnet, or with -o weft.gateway=anycast.`,
});

const subnetOf = (text: string | null | undefined): Cidr[] => {
  const cidr = parseCidr(text ?? '');
  return cidr.ok ? [cidr.value] : [];
};
