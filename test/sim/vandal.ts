import type { Ip } from '#model/ip.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import {
  type Fdb,
  type KernelObject,
  kernelObjects,
  type Link,
  type Neighbour,
} from '#model/kernel-state.ts';
import { type Mac, ZERO_MAC } from '#model/mac.ts';
import type { Machine } from './machine.ts';
import type { Vandalism } from './scenario.ts';
import type { World } from './world.ts';

/** Where a vandal's rows lead. */
export const NOWHERE = '203.0.113.66' as Ip;
const NOBODY = '02:66:66:66:66:66' as Mac;

/** Somebody with root changes one thing of ours behind the agent's back: on that host, or the next that has such. */
export async function vandalise(world: World, host: number, how: Vandalism, choice: number): Promise<void> {
  const { machines, count } = world;
  for (let step = 0; step < machines.length; step++) {
    const machine = machines[(host + step) % machines.length]!;
    const blows = await blowsAt(machine, how);
    const op = blows[choice % blows.length];
    if (!op) continue;
    count(how);
    await machine.kernel.apply([op], { hostTag: machine.tag, containers: [] });
    return;
  }
}

async function blowsAt({ kernel, tag, containers }: Machine, how: Vandalism): Promise<KernelOp[]> {
  const scopes = [...containers.values()].map((namespace) => ({ namespace, interfaces: INTERFACES }));
  const seen = await kernel.observe({ hostTag: tag, containers: scopes });
  return [...kernelObjects(seen)].flatMap((object) => blow(how, object) ?? []);
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
  }
}

/** One that Weft wrote: not the kernel's own. */
const isRow = (object: KernelObject): object is Fdb | Neighbour =>
  object.kind === 'neighbour' ||
  (object.kind === 'fdb' && (object.dst !== undefined || object.state === 'static'));

const isDevice = (object: KernelObject): object is Link =>
  object.kind === 'link' && object.detail.type !== 'loopback';
