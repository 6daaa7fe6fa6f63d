import type { SnapshotView } from '#model/snapshot.ts';
import { FIRST_AUTOMATIC_VNI, MAX_VNI, type Vni } from '#model/vni.ts';

/** The lowest VNI that no network has, from {@link FIRST_AUTOMATIC_VNI} up; undefined when all are taken. */
export function allocateVni(snapshot: SnapshotView): Vni | undefined {
  const taken = new Set<number>();
  for (const { vni } of snapshot.networks.values()) taken.add(vni);
  let vni: number = FIRST_AUTOMATIC_VNI;
  while (taken.has(vni)) vni++;
  return vni <= MAX_VNI ? (vni as Vni) : undefined;
}
