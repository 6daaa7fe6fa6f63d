import type { Network } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { FIRST_AUTOMATIC_VNI, MAX_VNI, type Vni } from '#model/vni.ts';

/** Its own, and while it changes the one that it borrows. */
export const vnisOf = ({ vni, transitVni, change }: Network): number[] =>
  [vni, transitVni, change?.other.transitVni].filter((each) => each !== undefined);

/** The lowest VNI that no network has, from {@link FIRST_AUTOMATIC_VNI} up; undefined when all are taken. */
export function allocateVni(snapshot: SnapshotView): Vni | undefined {
  const taken = new Set<number>();
  for (const network of snapshot.networks.values()) for (const vni of vnisOf(network)) taken.add(vni);
  let vni: number = FIRST_AUTOMATIC_VNI;
  while (taken.has(vni)) vni++;
  return vni <= MAX_VNI ? (vni as Vni) : undefined;
}
