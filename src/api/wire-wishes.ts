import { fault } from '#model/fault.ts';
import { type Id, isId } from '#model/id.ts';
import type { Endpoint } from '#model/records.ts';
import type { Wish } from '#model/wish.ts';
import type {
  AcquireBlocksRequest,
  AddPeerRequest,
  AdoptBridgeRequest,
  AttachEndpointRequest,
  ChangeNetworkRequest,
  CreateNetworkRequest,
  DetachEndpointRequest,
  DisownBridgeRequest,
  EvictHostRequest,
  ExposeNetworkRequest,
  HideNetworkRequest,
  PublishPortRequest,
  PublishStationsRequest,
  RegisterHostRequest,
  RemoveHostRequest,
  RemoveNetworkRequest,
  RemovePeerRequest,
  ReturnBlocksRequest,
  UnpublishPortRequest,
} from './gen/weft/v1/controller_pb.ts';
import type { Endpoint as EndpointMessage } from './gen/weft/v1/records_pb.ts';
import { parseRecord, parseStations, WireError } from './wire-records.ts';

type WishNamed<W extends Wish['wish']> = Extract<Wish, { wish: W }>;

/** Requests as wishes: the words stay as they came, admission checks them. */
export const wishFromWire = {
  createNetwork: ({
    $typeName,
    $unknown,
    dryRun,
    ...words
  }: CreateNetworkRequest): WishNamed<'create-network'> => ({
    wish: 'create-network',
    ...words,
  }),

  changeNetwork: ({
    $typeName,
    $unknown,
    dryRun,
    ...words
  }: ChangeNetworkRequest): WishNamed<'change-network'> => ({ wish: 'change-network', ...words }),

  removeNetwork: ({ network }: RemoveNetworkRequest): WishNamed<'remove-network'> => ({
    wish: 'remove-network',
    network,
  }),

  removeHost: ({ host }: RemoveHostRequest): WishNamed<'remove-host'> => ({ wish: 'remove-host', host }),

  evictHost: ({ host }: EvictHostRequest): WishNamed<'evict-host'> => ({ wish: 'evict-host', host }),

  repairAddresses: (): WishNamed<'repair-addresses'> => ({ wish: 'repair-addresses' }),

  acquireBlocks: ({ network, host, subnets, owned }: AcquireBlocksRequest): WishNamed<'acquire-blocks'> => ({
    wish: 'acquire-blocks',
    network: readId('network', network),
    host,
    subnets,
    owned,
  }),

  returnBlocks: ({ network, host }: ReturnBlocksRequest): WishNamed<'return-blocks'> => ({
    wish: 'return-blocks',
    network: readId('network', network),
    host,
  }),

  registerHost: ({ id, name, underlay, labels, facts }: RegisterHostRequest): WishNamed<'register-host'> => ({
    wish: 'register-host',
    id: id === '' ? undefined : id,
    name,
    underlay,
    labels,
    facts: {
      underlayMtu: facts?.underlayMtu ?? 0,
      takenPorts: facts?.takenPorts ?? [],
      routes: facts?.routes ?? [],
      underlayInterfaces: facts?.underlayInterfaces ?? [],
    },
  }),

  addPeer: ({ network, name, vtep, endpoints }: AddPeerRequest): WishNamed<'add-peer'> => ({
    wish: 'add-peer',
    network,
    name,
    vtep,
    endpoints: endpoints.map(({ mac, addresses }) => ({ mac, addresses })),
  }),

  removePeer: ({ network, peer }: RemovePeerRequest): WishNamed<'remove-peer'> => ({
    wish: 'remove-peer',
    network,
    peer,
  }),

  publishPort: ({ endpoint, network, mapping }: PublishPortRequest): WishNamed<'publish-port'> => ({
    wish: 'publish-port',
    endpoint,
    network,
    mapping,
  }),

  unpublishPort: ({ endpoint, network, mapping }: UnpublishPortRequest): WishNamed<'unpublish-port'> => ({
    wish: 'unpublish-port',
    endpoint,
    network,
    mapping,
  }),

  exposeNetwork: ({
    $typeName,
    $unknown,
    dryRun,
    ...words
  }: ExposeNetworkRequest): WishNamed<'expose-network'> => ({ wish: 'expose-network', ...words }),

  hideNetwork: ({ network, host }: HideNetworkRequest): WishNamed<'hide-network'> => ({
    wish: 'hide-network',
    network,
    host,
  }),

  attachEndpoint: ({
    $typeName,
    $unknown,
    dryRun,
    ...words
  }: AttachEndpointRequest): WishNamed<'attach-endpoint'> => ({ wish: 'attach-endpoint', ...words }),

  publishEndpoint: (endpoint: EndpointMessage): WishNamed<'publish-endpoint'> => ({
    wish: 'publish-endpoint',
    endpoint: parseRecord('endpoint', endpoint) as Endpoint,
  }),

  detachEndpoint: ({ endpoint, generation }: DetachEndpointRequest): WishNamed<'detach-endpoint'> => ({
    wish: 'detach-endpoint',
    endpoint: readId('endpoint', endpoint),
    generation,
  }),

  adoptBridge: ({
    $typeName,
    $unknown,
    dryRun,
    ...words
  }: AdoptBridgeRequest): WishNamed<'adopt-bridge'> => ({
    wish: 'adopt-bridge',
    ...words,
  }),

  disownBridge: ({ host, bridge }: DisownBridgeRequest): WishNamed<'disown-bridge'> => ({
    wish: 'disown-bridge',
    host,
    bridge,
  }),

  publishStations: ({ adoption, stations }: PublishStationsRequest): WishNamed<'publish-stations'> => ({
    wish: 'publish-stations',
    adoption: readId('adoption', adoption),
    stations: parseStations(stations),
  }),
};

function readId(field: string, text: string): Id {
  if (isId(text)) return text;
  throw new WireError([fault(field, text, 'is not an id', 'give its id')]);
}
