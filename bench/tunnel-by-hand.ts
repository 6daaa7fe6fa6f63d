import { runOrThrow } from '#lab/run.ts';
import type { Ground } from './ground.ts';
import type { Path } from './turns.ts';

const VNI = 42;
const MTU = 1450;
const mac = (host: number): string => `02:00:00:00:42:0${host}`;
const overlayAddress = (host: number): string => `10.42.0.${host}`;
const underlayAddress = (host: number): string => `10.99.0.${host}`;

/**
 * What an administrator would type for two containers on two hosts: a bridge in a namespace, a VXLAN device without
 * learning, a veth pair, and the other host's rows. In the hosts' second and third namespaces.
 */
export async function buildTunnelByHand(ground: Ground): Promise<Path> {
  const containers = await Promise.all([1, 2].map((host) => buildEnd(ground, host)));
  return { from: containers[0]!, to: containers[1]!, address: overlayAddress(2) };
}

async function buildEnd({ layout, signal }: Ground, number: number): Promise<string> {
  const host = layout.hosts[number - 1]!;
  const [overlay, container] = host.containers.slice(1).map(({ namespace }) => namespace) as [string, string];
  const other = 3 - number;
  const batch = (program: 'ip' | 'bridge', namespace: string, lines: readonly string[]) =>
    runOrThrow(program, ['-batch', '-'], { namespace, signal, input: `${lines.join('\n')}\n` });
  await batch('ip', host.namespace, [
    `link add vxlan0 netns ${overlay} mtu ${MTU} type vxlan id ${VNI} dstport 4789 local ${underlayAddress(number)} ttl 64 nolearning`,
  ]);
  await batch('ip', overlay, [
    `link add br0 mtu ${MTU} type bridge`,
    'link set br0 up',
    'link set vxlan0 master br0 up',
    `link add p1 mtu ${MTU} type veth peer name eth0 netns ${container} mtu ${MTU} address ${mac(number)}`,
    'link set p1 master br0 up',
  ]);
  await batch('bridge', overlay, [
    `fdb append 00:00:00:00:00:00 dev vxlan0 dst ${underlayAddress(other)} self permanent`,
    `fdb add ${mac(other)} dev vxlan0 dst ${underlayAddress(other)} self permanent`,
  ]);
  await batch('ip', container, [
    'link set lo up',
    `addr add ${overlayAddress(number)}/24 dev eth0`,
    'link set eth0 up',
  ]);
  return container;
}
