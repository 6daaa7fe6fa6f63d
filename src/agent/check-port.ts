import type { PublishPortRequest } from '#api/gen/weft/v1/controller_pb.ts';
import { rejectionToError } from '#api/rejection.ts';
import { noFaults } from '#intent/faults.ts';
import { findEndpoint } from '#intent/find-endpoint.ts';
import { readMapping } from '#intent/read-mapping.ts';
import type { HostPort } from '#kernel/taken-ports.ts';
import { fault, reject } from '#model/fault.ts';
import type { Ip } from '#model/ip.ts';
import type { Notice } from '#model/notice.ts';
import type { Engine } from './engine.ts';
import { missingAddressNotice } from './missing-address.ts';

export interface PortParts {
  readonly engine: Engine;
  /** Of each port, which program of this host takes what comes for it; undefined when none does. */
  readonly portHolders: (ports: readonly HostPort[]) => Promise<(string | undefined)[]>;
  readonly isLocalAddress: (ip: Ip) => boolean;
}

/**
 * Throws when a program of this host would lose a port to an endpoint of it; gives what else is to be told. What is
 * wrong otherwise, and other hosts' endpoints, are not judged here.
 */
export async function checkPort(
  { engine, portHolders, isLocalAddress }: PortParts,
  request: PublishPortRequest,
): Promise<Notice[]> {
  const { state } = engine;
  const faults = noFaults();
  const endpoint = findEndpoint(faults, state.view, request.endpoint, request.network);
  const mapping = readMapping(faults, request.mapping);
  if (endpoint?.host !== state.host || !mapping) return [];
  const [holder] = await portHolders([mapping]);
  if (holder === undefined) {
    const { hostAddress } = mapping;
    const isThere = hostAddress === undefined || isLocalAddress(hostAddress);
    return isThere ? [] : [missingAddressNotice(state.view, endpoint, mapping)];
  }
  const problem = `is in use by ${holder} on this host`;
  const fix = 'choose another port, stop that program, or name another address of the host';
  throw rejectionToError(
    reject('conflict', fault('port', `${mapping.hostPort}/${mapping.protocol}`, problem, fix)),
  );
}
