import type { Kernel } from '#kernel/kernel.ts';
import type { KernelOp } from '#model/kernel-op.ts';
import { type KernelObject, kernelObjects } from '#model/kernel-state.ts';
import type { Machine } from './machine.ts';
import { Violation } from './violation.ts';

/** Another host's Weft on the same machine, as in a lab; its VNI is the one that ours gives out first. */
const STRANGER_TAG = 'stranger';
const NS = `weft-${STRANGER_TAG}-100000`;

const OBJECTS: readonly KernelObject[] = [
  { kind: 'namespace', ns: NS },
  {
    kind: 'link',
    ns: NS,
    name: 'br0',
    up: true,
    mtu: 1400,
    addrGenMode: 'none',
    detail: { type: 'bridge', stp: false, multicastSnooping: false },
  },
];

/** Things that are none of ours, to be found untouched at the end. */
export async function plantStrangers(kernel: Kernel): Promise<void> {
  const ops = OBJECTS.map((object): KernelOp => ({ verb: 'add', object }));
  await kernel.apply(ops, { hostTag: STRANGER_TAG, containers: [] });
}

export async function checkStrangers({ kernel, containers, name }: Machine): Promise<void> {
  const scopes = [...containers.values()].map((namespace) => ({ namespace, interfaces: ['stranger0'] }));
  const seen = await kernel.observe({ hostTag: STRANGER_TAG, containers: scopes });
  const links = [...kernelObjects(seen)].filter(({ kind }) => kind === 'link');
  const foreign = links.filter((link) => link.kind === 'link' && link.name === 'stranger0');
  const bridge = seen.link.get(`${NS} br0`);
  if (foreign.length !== containers.size || foreign.some((link) => link.kind === 'link' && link.up))
    throw new Violation('strangers are left alone', `an interface in a container on ${name}`);
  if (!bridge?.up || bridge.mtu !== 1400)
    throw new Violation('strangers are left alone', `another Weft's bridge on ${name}`);
}
