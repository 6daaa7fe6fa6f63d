import { CONTAINER_PORT, type ExampleNetwork } from '#kernel/example-network.ts';
import { examples } from '#kernel/filter.contract.ts';
import type { InterfaceAddress } from '#model/cidr.ts';
import type { Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { type KernelObject, type KernelState, kernelKey, type Link } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';

/**
 * A few ops on the objects of `networks`, rules beside them, and their likes, in whatever order: added, deleted or changed whether they are
 * there or not. `seen` is what is there, for changes.
 */
export function randomOps(
  random: () => number,
  networks: readonly ExampleNetwork[],
  seen: KernelState,
): KernelOp[] {
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!;
  const flip = () => random() < 0.5;
  const ops = Array.from({ length: 1 + Math.floor(random() * 8) }, () =>
    randomOp(pick, flip, pick(networks), seen),
  );
  // No list says two things of one object: `was` would be wrong for the second.
  const byKey = new Map(ops.map((op) => [op.object.kind + kernelKey(op.object), op]));
  return [...byKey.values()].sort((a, b) => rankOf(a) - rankOf(b));
}

/**
 * In the order of a plan where that matters: filters that follow each other are one transaction, in which what they
 * name comes first; an address that is there already is mended behind the devices that are sent with it.
 */
const rankOf = ({ verb, object: { kind } }: KernelOp): number => {
  const rank = ['address', 'set', 'element', 'chain'].indexOf(kind) + 1;
  return rank > 1 && verb === 'delete' ? -rank : rank;
};

type Pick = <T>(choices: readonly T[]) => T;

function randomOp(pick: Pick, flip: () => boolean, net: ExampleNetwork, seen: KernelState): KernelOp {
  const object = vary(pick, flip, pick([...net.objects, ...examples(net.ns).all]));
  const was = seen[object.kind].get(kernelKey(object));
  // Objects that others stand on are deleted seldom, or nothing would ever be there.
  const verb = pick(
    object.kind === 'namespace' || object.kind === 'link'
      ? (['add', 'add', 'add', 'change', 'change', 'delete'] as const)
      : (['add', 'add', 'change', 'delete'] as const),
  );
  if (verb === 'change')
    return was && object.kind !== 'namespace' ? { verb, object, was } : { verb: 'add', object };
  return { verb, object };
}

function vary(pick: Pick, flip: () => boolean, object: KernelObject): KernelObject {
  switch (object.kind) {
    case 'link':
      return varyLink(pick, flip, object);
    case 'address':
      return object.address.includes(':')
        ? { ...object, address: pick([object.address, 'fd00:aa::7/64' as InterfaceAddress]), nodad: true }
        : { ...object, address: pick([object.address, '10.77.0.7/24' as InterfaceAddress]) };
    case 'route':
      return object.destination.includes(':')
        ? { ...object, via: pick([object.via, 'fd00:aa::1' as Ip]) }
        : { ...object, via: pick([object.via, '10.77.0.1' as Ip]), protocol: pick([119, 119, 4]) };
    case 'neighbour':
      return { ...object, ip: pick([object.ip, 'fd00::77' as Ip]), mac: pick(MACS) };
    case 'fdb':
      return object.table === 'self'
        ? { ...object, mac: pick([object.mac, pick(MACS)]), dst: pick(['192.0.2.2', '192.0.2.3'] as Ip[]) }
        : { ...object, mac: pick(MACS) };
    case 'namespace':
    case 'setting':
    case 'set':
    case 'element':
    case 'permit':
      return object;
    case 'chain':
      return { ...object, rules: object.rules.slice(pick([0, 0, 1, 2, 4])) };
  }
}

function varyLink(pick: Pick, flip: () => boolean, link: Link): Link {
  const up = flip() || flip();
  const { detail } = link;
  if (detail.type === 'loopback') return link;
  const varied: Link = { ...link, up, mtu: pick([1400, 1400, 1350, 1500]) };
  if (detail.type === 'bridge') return { ...varied, detail: { ...detail, multicastSnooping: flip() } };
  if (detail.type === 'vxlan')
    return {
      ...varied,
      detail: { ...detail, learning: flip(), ttl: pick([64, 32]), proxy: flip() || flip() },
    };
  if (detail.type === 'veth-peer') return varied;
  const isPort = flip() || flip();
  return isPort
    ? { ...varied, port: { ...CONTAINER_PORT, hairpin: flip(), isolated: flip() } }
    : { ...varied, master: '', port: undefined };
}

const MACS = ['02:00:00:00:ee:01', '02:00:00:00:ee:02', '02:00:00:00:ee:03'] as Mac[];
