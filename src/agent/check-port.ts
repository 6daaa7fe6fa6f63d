import type { PublishPortRequest } from '#api/gen/weft/v1/controller_pb.ts';
import { rejectionToError } from '#api/rejection.ts';
import { noFaults } from '#intent/faults.ts';
import { findEndpoint } from '#intent/find-endpoint.ts';
import { readMapping } from '#intent/read-mapping.ts';
import { fault, reject } from '#model/fault.ts';
import type { Ip } from '#model/ip.ts';
import type { Transport } from '#model/records.ts';
import type { Engine } from './engine.ts';

export interface PortParts {
  readonly engine: Engine;
  /** Which program of this host takes what comes for a port; undefined when none does. */
  readonly portHolder: (protocol: Transport, port: number, address?: Ip) => Promise<string | undefined>;
}

/**
 * Throws when a program of this host would lose a port to an endpoint of it. What is wrong otherwise, and other
 * hosts' endpoints, are not judged here.
 */
export async function checkPort(
  { engine, portHolder }: PortParts,
  request: PublishPortRequest,
): Promise<void> {
  const { state } = engine;
  const faults = noFaults();
  const endpoint = findEndpoint(faults, state.view, request.endpoint, request.network);
  const mapping = readMapping(faults, request.mapping);
  if (endpoint?.host !== state.host || !mapping) return;
  const { protocol, hostPort, hostAddress } = mapping;
  const holder = await portHolder(protocol, hostPort, hostAddress);
  if (holder === undefined) return;
  const problem = `is in use by ${holder} on this host`;
  const fix = 'choose another port, stop that program, or name another address of the host';
  throw rejectionToError(reject('conflict', fault('port', `${hostPort}/${protocol}`, problem, fix)));
}
