import type { Endpoint, Network } from './records.ts';

/** What answers about names are made of. */
export type NamedEndpoint = Pick<Endpoint, 'id' | 'network' | 'name' | 'aliases' | 'addresses'>;
export type NamedNetwork = Pick<Network, 'id' | 'name' | 'subnets'>;
