import type { Firewall } from '#kernel/fake-forwarding.ts';
import type { Element } from '#model/filter.ts';
import type { Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import {
  type Fdb,
  type KernelObject,
  type KernelState,
  kernelObjects,
  type Link,
  type NamespaceName,
  type Neighbour,
} from '#model/kernel-state.ts';
import { type Mac, ZERO_MAC } from '#model/mac.ts';
import type { Vandalism } from './action.ts';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

/** Where a vandal's rows lead. */
export const NOWHERE = '203.0.113.66' as Ip;
const NOBODY = '02:66:66:66:66:66' as Mac;

/** Somebody with root changes one thing of ours behind the agent's back: on that host, or the next that has such. */
export async function vandalise(world: World, host: number, how: Vandalism, choice: number): Promise<void> {
  const { machines, count } = world;
  for (let step = 0; step < machines.length; step++) {
    const machine = machines[(host + step) % machines.length]!;
    if (how === 'other firewall') {
      count(how);
      return changeFirewall(machine, choice);
    }
    const blows = await blowsAt(machine, how);
    const ops = blows[choice % blows.length];
    if (!ops) continue;
    count(how);
    await machine.kernel.apply(ops, { hostTag: machine.tag, containers: [] });
    return;
  }
}

/** Docker comes or goes, or whoever else makes rules of what the host forwards. */
function changeFirewall({ kernel }: Machine, choice: number): void {
  const firewall = FIREWALLS[(choice >> 1) % FIREWALLS.length]!;
  kernel.setFirewall(choice % 2 === 0 ? 'ip' : 'ip6', firewall);
}

const FIREWALLS: readonly Firewall[] = ['drop', 'docker', 'open', 'none'];

async function blowsAt({ kernel, tag, containers }: Machine, how: Vandalism): Promise<KernelOp[][]> {
  const scopes = [...containers.values()].map((namespace) => ({ namespace, interfaces: INTERFACES }));
  const seen = await kernel.observe({ hostTag: tag, containers: scopes });
  if (how === 'flush rules') return flushes(seen);
  return [...kernelObjects(seen)].flatMap((object) => {
    const op = blow(how, object);
    return op ? [[op]] : [];
  });
}

/** `nft flush ruleset`, in one of the namespaces that have rules. */
function flushes({ chain, element, set, permit }: KernelState): KernelOp[][] {
  const byNamespace = new Map<NamespaceName, KernelOp[]>();
  for (const objects of [chain, element, set, permit])
    for (const object of objects.values()) {
      const ops = byNamespace.get(object.ns) ?? [];
      byNamespace.set(object.ns, ops);
      ops.push({ verb: 'delete', object });
    }
  return [...byNamespace.values()];
}

const INTERFACES = ['eth0', 'eth1', 'eth2'];

function blow(how: Vandalism, object: KernelObject): KernelOp | undefined {
  switch (how) {
    case 'delete row':
      return isRow(object) ? { verb: 'delete', object } : undefined;
    case 'replace row': {
      if (!isRow(object) || (object.kind === 'fdb' && (object.table === 'master' || object.mac === ZERO_MAC)))
        return undefined;
      const changed = object.kind === 'fdb' ? { ...object, dst: NOWHERE } : { ...object, mac: NOBODY };
      return { verb: 'change', object: changed, was: object };
    }
    case 'add row':
      if (object.kind !== 'link' || object.detail.type !== 'vxlan') return undefined;
      return {
        verb: 'add',
        object: {
          kind: 'fdb',
          ns: object.ns,
          dev: object.name,
          table: 'self',
          mac: NOBODY,
          dst: NOWHERE,
          state: 'permanent',
        },
      };
    case 'delete link':
      return isDevice(object) && !object.ns.startsWith('/') ? { verb: 'delete', object } : undefined;
    case 'set link down':
      return isDevice(object) ? { verb: 'change', object: { ...object, up: false }, was: object } : undefined;
    case 'delete address':
      return object.kind === 'address' && object.dev !== 'lo' ? { verb: 'delete', object } : undefined;
    case 'delete namespace':
      return object.kind === 'namespace' ? { verb: 'delete', object } : undefined;
    case 'change link': {
      if (!isDevice(object)) return undefined;
      const { port, mtu = 1500 } = object;
      const changed = port
        ? { ...object, port: { ...port, learning: !port.learning } }
        : { ...object, mtu: mtu - 50 };
      return { verb: 'change', object: changed, was: object };
    }
    case 'change setting':
      return object.kind === 'setting'
        ? { verb: 'change', object: { ...object, value: object.value === '0' ? '1' : '0' }, was: object }
        : undefined;
    case 'delete route':
      return object.kind === 'route' ? { verb: 'delete', object } : undefined;
    // One that leads somewhere, or is asked, cannot be deleted alone.
    case 'delete rule':
      return object.kind === 'element' || object.kind === 'permit' || (object.kind === 'chain' && object.hook)
        ? { verb: 'delete', object }
        : undefined;
    case 'add rule':
      if (object.kind === 'permit') return { verb: 'add', object: { ...object, name: 'of another version' } };
      if (object.kind === 'element') return { verb: 'add', object: { ...object, key: strangeKey(object) } };
      return object.kind === 'chain' ? { verb: 'add', object: { ...object, name: 'astray' } } : undefined;
  }
}

/** Of somebody who is not there. */
const strangeKey = ({ set, key }: Element): Element['key'] =>
  key.map((value, index) =>
    set.key[index] === 'mac' ? NOBODY : set.key[index] === 'ipv4' ? NOWHERE : value,
  );

/** One that Weft wrote: not the kernel's own. */
const isRow = (object: KernelObject): object is Fdb | Neighbour =>
  object.kind === 'neighbour' ||
  (object.kind === 'fdb' && (object.dst !== undefined || object.state === 'static'));

const isDevice = (object: KernelObject): object is Link =>
  object.kind === 'link' && object.detail.type !== 'loopback';
