import { createNamedNamespace } from '#netlink/named-namespace.ts';
import { type LabHost, type LabLayout, labNamespaces } from './layout.ts';
import { runOrThrow } from './run.ts';

/**
 * The machines of the lab: namespaces for hosts and containers, and between the hosts one Ethernet segment, a bridge
 * in a namespace of its own, so that nothing touches the machine's own links.
 *
 *     ip link add eth0 netns lab-h1 mtu 1500 type veth peer name p1 netns lab-fabric mtu 1500
 *     ip -n lab-fabric link set p1 master underlay up
 */
export async function buildFabric(lab: LabLayout, signal: AbortSignal): Promise<void> {
  for (const namespace of labNamespaces(lab)) createNamedNamespace(namespace);
  await ipBatch(lab.fabric, bridgeLines(lab), signal);
  await Promise.all(lab.hosts.map((host) => ipBatch(host.namespace, hostLines(host), signal)));
}

/** The bridge forwards at once (no STP), to every port (no snooping), and says nothing itself (no IPv6 address). */
function bridgeLines({ fabric, shape, hosts }: LabLayout): string[] {
  return [
    'link set lo up',
    `link add underlay mtu ${shape.mtu} type bridge stp_state 0 mcast_snooping 0`,
    'link set underlay addrgenmode none up',
    ...hosts.flatMap(({ namespace }, index) => {
      const port = `p${index + 1}`;
      return [
        `link add eth0 netns ${namespace} mtu ${shape.mtu} type veth peer name ${port} netns ${fabric} mtu ${shape.mtu}`,
        `link set ${port} master underlay addrgenmode none up`,
      ];
    }),
  ];
}

const hostLines = ({ addresses }: LabHost): string[] => [
  'link set lo up',
  ...addresses.map((address) => `addr add ${address} dev eth0${address.includes(':') ? ' nodad' : ''}`),
  'link set eth0 up',
];

const ipBatch = (namespace: string, lines: readonly string[], signal: AbortSignal): Promise<string> =>
  runOrThrow('ip', ['-batch', '-'], { namespace, signal, input: `${lines.join('\n')}\n` });
