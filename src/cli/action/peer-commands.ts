import { prefixLengthOf } from '#model/cidr.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import type { Network, Peer } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { vtepOf } from '#plan/host-view.ts';

/**
 * What to type on the other machine, so that its VXLAN device takes part in the network as it is now. With one
 * endpoint the device itself is that endpoint; with several, or none told, they are behind it.
 */
export function peerCommands(network: Network, peer: Peer, snapshot: SnapshotView): string[] {
  const { vni, port, mtu, ttl, mode, group } = network;
  const { endpoints, endpointCount, peers } = snapshot.inNetwork(network.id);
  const hosts = [...endpointCount.keys()].flatMap((id) => snapshot.hosts.get(id) ?? []);
  const ends = [
    ...hosts.flatMap((host) => vtepOf(host, network.underlay) ?? []),
    ...[...peers.values()].filter(({ id }) => id !== peer.id).map(({ vtep }) => vtep),
  ].sort();
  const [alone, ...more] = peer.endpoints;
  const self = more.length === 0 ? alone : undefined;
  const prefix = familyOf(peer.vtep) === 4 ? 32 : 128;
  const words = [
    `ip link add vxlan0 type vxlan id ${vni} dstport ${port} local ${peer.vtep} ttl ${ttl}`,
    // Its own interface with that address.
    ...(group
      ? [`group ${group} dev $(ip -o address show to ${peer.vtep}/${prefix} | awk '{print $2}')`]
      : []),
    ...(mode === 'static' ? ['nolearning'] : []),
  ];
  const known =
    mode === 'static'
      ? [
          ...[...endpoints.values()].flatMap(({ mac, host }) => {
            const end = hosts.find(({ id }) => id === host);
            const vtep = end && vtepOf(end, network.underlay);
            return vtep ? [{ mac, vtep }] : [];
          }),
          ...[...peers.values()].flatMap(({ id, vtep, endpoints: others }) =>
            id === peer.id ? [] : others.map(({ mac }) => ({ mac, vtep })),
          ),
        ]
      : [];
  return [
    words.join(' '),
    `ip link set dev vxlan0${self ? ` address ${self.mac}` : ''}${mtu ? ` mtu ${mtu}` : ''}`,
    'ip link set dev vxlan0 up',
    ...(group ? [] : ends.map((end) => `bridge fdb append 00:00:00:00:00:00 dev vxlan0 dst ${end}`)),
    ...known.map(({ mac, vtep }) => `bridge fdb append ${mac} dev vxlan0 dst ${vtep}`),
    ...(self?.addresses ?? []).map((ip) => giveAddress(network, ip)),
  ];
}

function giveAddress({ subnets, adopts }: Network, ip: Ip): string {
  const nodad = familyOf(ip) === 6 ? ' nodad' : '';
  // A comment, for a shell too: the length is that of a subnet which its bridges' owners chose.
  if (adopts)
    return `# ip address add ${ip}/LENGTH dev vxlan0${nodad}, with the prefix length of the bridges`;
  const subnet = subnets.find(({ cidr }) => familyOf(cidr) === familyOf(ip));
  const length = subnet ? prefixLengthOf(subnet.cidr) : familyOf(ip) === 4 ? 32 : 128;
  return `ip address add ${ip}/${length} dev vxlan0${nodad}`;
}
