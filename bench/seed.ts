import path from 'node:path';
import type { LabLayout } from '#lab/layout.ts';
import type { Cidr } from '#model/cidr.ts';
import type { Ip } from '#model/ip.ts';
import { controllerPaths } from '#model/paths.ts';
import { type Endpoint, put, type StoredRecord } from '#model/records.ts';
import type { TunnelMode } from '#model/tunnel-mode.ts';
import { testEndpoint, testHost, testId, testNetwork } from '#plan/test-world.ts';
import { openEmbeddedStore } from '#store/embedded-store.ts';
import { NETWORK } from './cluster.ts';

/** So many share a host. */
const PER_HOST = 100;
/** 10.1.1.0 and upwards: the lowest are for those that are real. */
const FIRST_NUMBER = 256;
/** Below it are the hosts of the ground: 10.99.0.1, … */
const FIRST_HOST = 16;

/** One network and its endpoints on hosts that exist on paper only. */
export function paperCluster(endpoints: number, mode: TunnelMode): StoredRecord[] {
  const hosts = Math.ceil(endpoints / PER_HOST);
  const network = {
    ...testNetwork(1, mode),
    name: NETWORK,
    subnets: [
      { cidr: '10.0.0.0/12' as Cidr, gateway: '10.0.0.1' as Ip },
      { cidr: 'fd00:1::/64' as Cidr, gateway: 'fd00:1::1' as Ip },
    ],
  };
  return [
    network,
    ...Array.from({ length: hosts }, (_, i) => testHost(FIRST_HOST + i, { name: `paper${i}` })),
    ...Array.from({ length: endpoints }, (_, i) => paperEndpoint(FIRST_NUMBER + i)),
  ];
}

function paperEndpoint(number: number): Endpoint {
  const host = FIRST_HOST + Math.floor((number - FIRST_NUMBER) / PER_HOST);
  const { addresses, ...endpoint } = testEndpoint(number, 1, host, { interface: 'eth0' });
  // Of its host's own block, as a controller would have given it: not in the way of those that are real.
  const ipv6 = `fd00:1::${host.toString(16)}:${(number % PER_HOST) + 1}` as Ip;
  return { ...endpoint, containerId: `paper-${number}`, addresses: [addresses[0]!, ipv6] };
}

/** Puts records into the store of a controller that does not run. */
export async function seedStore(layout: LabLayout, records: readonly StoredRecord[]): Promise<void> {
  const store = await openEmbeddedStore(path.join(controllerPaths(layout.controllerRoot).state, 'store'));
  try {
    const { revision } = await store.read();
    await store.commit(records.map(put), revision);
    // The log would hold all of it a second time.
    await store.compact(revision + 1);
  } finally {
    await store.close();
  }
}

export const networkId = testId('network', 1);
