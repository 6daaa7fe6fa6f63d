import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Host } from '#model/records.ts';

/** A host like any other, with that number. */
export const hostOf = (n: number, name = `h${n}`): Host => ({
  kind: 'host',
  id: `01J${String(n).padStart(23, '0')}` as Id,
  name,
  epoch: 1,
  underlay: [`10.99.${n >> 8}.${n & 255}` as Ip],
  labels: { rack: `r${n % 4}` },
  facts: { underlayMtu: 1500, takenPorts: [], routes: [], underlayInterfaces: [] },
});
