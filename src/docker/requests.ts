import * as z from 'zod';

/**
 * What dockerd says. Keys that Weft has no use for pass unread: each engine version adds some. Go writes `null` for
 * what is empty.
 */

const id = z.string().regex(/^[0-9a-zA-Z]{1,128}$/, 'is not an id');
const text = z.string().max(4096);
const options = z.record(z.string().max(256), z.unknown()).nullish();
const textOptions = z.record(z.string().max(256), text).nullish();

const ipamData = z.object({
  AddressSpace: text.default(''),
  Pool: text.default(''),
  Gateway: text.default(''),
  AuxAddresses: z.record(text, text).nullish(),
});
export type IpamData = z.output<typeof ipamData>;

export const createNetworkRequest = z.object({
  NetworkID: id,
  Options: options,
  IPv4Data: z.array(ipamData).max(64).nullish(),
  IPv6Data: z.array(ipamData).max(64).nullish(),
});
export type CreateNetworkRequest = z.output<typeof createNetworkRequest>;

export const networkRequest = z.object({ NetworkID: id });

const endpointIds = { NetworkID: id, EndpointID: id };
export const endpointRequest = z.object(endpointIds);
export const createEndpointRequest = z.object({
  ...endpointIds,
  Interface: z
    .object({ Address: text.default(''), AddressIPv6: text.default(''), MacAddress: text.default('') })
    .nullish(),
  Options: options,
});
export const joinRequest = z.object({
  ...endpointIds,
  SandboxKey: text.min(1),
  /** What `-p` asks for. What is not understood is no reason that a container cannot start. */
  Options: z
    .object({ 'com.docker.network.portmap': z.array(z.unknown()).nullish().catch(undefined) })
    .nullish(),
});

export const requestPoolRequest = z.object({
  AddressSpace: text.default(''),
  Pool: text.default(''),
  SubPool: text.default(''),
  Options: textOptions,
  V6: z.boolean().default(false),
});
export type RequestPoolRequest = z.output<typeof requestPoolRequest>;
export const poolRequest = z.object({ PoolID: text.min(1) });
export const requestAddressRequest = z.object({
  PoolID: text.min(1),
  Address: text.default(''),
  Options: textOptions,
});
export const releaseAddressRequest = z.object({ PoolID: text.min(1), Address: text.default('') });
