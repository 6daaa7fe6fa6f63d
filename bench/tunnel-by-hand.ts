import type { LabHost } from '#lab/layout.ts';
import { runOrThrow } from '#lab/run.ts';
import type { Ground } from './ground.ts';
import type { Path } from './turns.ts';

const VNI = 42;
const MTU = 1450;
const mac = (end: number): string => `02:00:00:00:42:0${end}`;
const overlayAddress = (end: number): string => `10.42.0.${end}`;

/**
 * What an administrator would type for two containers on two hosts: a bridge in a namespace, a VXLAN device without
 * learning, a veth pair, and the other host's rows. In the two hosts' first and second namespaces.
 */
export async function buildTunnelByHand(ground: Ground, hosts: readonly [LabHost, LabHost]): Promise<Path> {
  const [here, there] = hosts.map(({ addresses }) => addresses[0]!.split('/')[0]) as [string, string];
  const from = await buildEnd(ground, hosts[0], { number: 1, local: here, remote: there });
  const to = await buildEnd(ground, hosts[1], { number: 2, local: there, remote: here });
  return { from, to, address: overlayAddress(2) };
}

/** And for the way out. */
export async function masquerade({ signal }: Ground, hosts: readonly LabHost[]): Promise<void> {
  const input = `
    add table ip hand
    add chain ip hand out { type nat hook postrouting priority srcnat; }
    add rule ip hand out ip saddr 10.42.0.0/24 ip daddr != 10.42.0.0/24 masquerade
  `;
  for (const { namespace } of hosts) await runOrThrow('nft', ['-f', '-'], { namespace, signal, input });
}

async function buildEnd(
  { signal }: Ground,
  host: LabHost,
  { number, local, remote }: { number: number; local: string; remote: string },
): Promise<string> {
  const [overlay, container] = host.containers.map(({ namespace }) => namespace) as [string, string];
  const batch = (program: 'ip' | 'bridge', namespace: string, lines: readonly string[]) =>
    runOrThrow(program, ['-batch', '-'], { namespace, signal, input: `${lines.join('\n')}\n` });
  await batch('ip', host.namespace, [
    `link add vxlan0 netns ${overlay} mtu ${MTU} type vxlan id ${VNI} dstport 4789 local ${local} ttl 64 nolearning`,
  ]);
  await batch('ip', overlay, [
    `link add br0 mtu ${MTU} type bridge`,
    'link set br0 up',
    'link set vxlan0 master br0 up',
    `link add p1 mtu ${MTU} type veth peer name eth0 netns ${container} mtu ${MTU} address ${mac(number)}`,
    'link set p1 master br0 up',
  ]);
  await batch('bridge', overlay, [
    `fdb append 00:00:00:00:00:00 dev vxlan0 dst ${remote} self permanent`,
    `fdb add ${mac(3 - number)} dev vxlan0 dst ${remote} self permanent`,
  ]);
  await batch('ip', container, [
    'link set lo up',
    `addr add ${overlayAddress(number)}/24 dev eth0`,
    'link set eth0 up',
  ]);
  return container;
}
