import type { DoorAttached } from '#api/door.ts';
import {
  type Cidr,
  cidrContains,
  interfaceAddress,
  ipOf,
  parseInterfaceAddress,
  prefixLengthOf,
} from '#model/cidr.ts';
import { type Fault, fault, isRejection, take } from '#model/fault.ts';
import { familyOf, type Ip } from '#model/ip.ts';
import { parseMac } from '#model/mac.ts';
import { createNetwork } from './create-network.ts';
import { type DriverParts, heardOf, networkOf, RUNTIME } from './driver-parts.ts';
import { PluginError, refuse, refuseAsDocker } from './plugin-error.ts';
import { method, type PluginMethods, plainMethod } from './plugin-method.ts';
import {
  createEndpointRequest,
  createNetworkRequest,
  endpointRequest,
  joinRequest,
  networkRequest,
} from './requests.ts';
import { isLeftByWeft } from './way-out.ts';

export interface NetworkDriverParts extends DriverParts {
  /** A container is about to have an interface: who it is can be asked now. */
  readonly onJoin: (dockerNetwork: string, handle: string) => void;
}

/** Docker's network driver: its endpoints are Weft's, made here and moved into the sandbox by dockerd. */
export const networkDriver = (parts: NetworkDriverParts): PluginMethods => ({
  // Local, or only a Swarm manager could make networks; other hosts' copies are made by Weft. What is in them is
  // reached from everywhere.
  'NetworkDriver.GetCapabilities': plainMethod({ Scope: 'local', ConnectivityScope: 'global' }),

  'NetworkDriver.CreateNetwork': method(createNetworkRequest, async (request) => {
    await createNetwork(parts, request);
    return {};
  }),

  'NetworkDriver.DeleteNetwork': method(networkRequest, async ({ NetworkID }) => {
    const network = parts.book.get(NetworkID)?.network;
    // Removed by a user it stays away from this host; removed because Weft's is gone, there is nothing to stay away.
    const isGone = network && parts.door.isConnected() && !heardOf(parts.door, network);
    if (network && !isGone) await parts.book.decline(network, NetworkID);
    await parts.book.forget(NetworkID);
    return {};
  }),

  'NetworkDriver.CreateEndpoint': method(
    createEndpointRequest,
    async ({ NetworkID, EndpointID, Interface, Options }, signal) => {
      checkEndpointOptions(Options ?? {});
      const network = await networkOf(parts, () => parts.book.get(NetworkID), signal);
      const asked = readInterface(Interface ?? { Address: '', AddressIPv6: '', MacAddress: '' });
      const attached = await parts.door.attach({
        runtime: RUNTIME,
        handle: EndpointID,
        network: network.id,
        aliases: [],
        ...asked,
      });
      if (isRejection(attached)) throw refuseAsDocker(attached, network);
      // dockerd has given up on it, and will not ask for its end.
      if (signal.aborted) await parts.door.detach(RUNTIME, EndpointID);
      return { Interface: withoutWhatWasAsked(attached, network.subnets, asked) };
    },
  ),

  'NetworkDriver.EndpointOperInfo': method(endpointRequest, ({ EndpointID }) => {
    const attached = find(parts, EndpointID);
    const network = attached && heardOf(parts.door, attached.endpoint.network);
    if (!network) return { Value: {} };
    const { endpoint } = attached;
    return {
      Value: {
        'weft.network': network.name,
        'weft.endpoint': endpoint.id,
        'weft.vni': String(network.vni),
        'weft.mode': network.mode,
        'weft.port': String(network.port),
        'weft.mtu': String(network.mtu),
        'weft.vteps': parts.door.vtepsOf(network.id).join(' '),
        'weft.names': [endpoint.name, ...endpoint.aliases].join(' '),
      },
    };
  }),

  'NetworkDriver.Join': method(joinRequest, async ({ NetworkID, EndpointID, SandboxKey, Options }) => {
    const attached = find(parts, EndpointID);
    if (!attached)
      throw new PluginError('Weft does not know this endpoint: disconnect the container, and connect it');
    const refused = await parts.door.settle(RUNTIME, EndpointID, SandboxKey);
    if (refused) throw refuseAsDocker(refused);
    parts.onJoin(NetworkID, EndpointID);
    const network = heardOf(parts.door, attached.endpoint.network);
    const hasPorts = (Options?.['com.docker.network.portmap'] ?? []).length > 0;
    return {
      InterfaceName: { SrcName: attached.hostInterface, DstPrefix: 'eth' },
      // Otherwise Docker adds its docker_gwbridge, unless the network is internal or the container leaves by another.
      // Only there, and on its bridges, does it publish ports.
      ...(network && isLeftByWeft(network) && !hasPorts && gatewaysOf(network.subnets)),
    };
  }),

  // dockerd has the interface back by now; DeleteEndpoint always follows.
  'NetworkDriver.Leave': plainMethod({}),

  // Of dead containers too, that Docker finds when it starts, and Weft may never have heard of.
  'NetworkDriver.DeleteEndpoint': method(endpointRequest, async ({ EndpointID }) => {
    const refused = await parts.door.detach(RUNTIME, EndpointID);
    if (refused) throw refuseAsDocker(refused);
    return {};
  }),

  // Ports are published by Docker, on its docker_gwbridge.
  'NetworkDriver.ProgramExternalConnectivity': plainMethod({}),
  'NetworkDriver.RevokeExternalConnectivity': plainMethod({}),
  // Who else is there, the controller tells.
  'NetworkDriver.DiscoverNew': plainMethod({}),
  'NetworkDriver.DiscoverDelete': plainMethod({}),
});

const find = ({ door }: DriverParts, handle: string): DoorAttached | undefined =>
  door.attached(RUNTIME).find((attached) => attached.handle === handle);

/** What else `--driver-opt` says is not for Weft. */
function checkEndpointOptions(options: Readonly<Record<string, unknown>>): void {
  const faults = Object.entries(options).flatMap(([key, value]) =>
    key.startsWith('weft.')
      ? fault(
          `--driver-opt ${key}`,
          value,
          'is of a network, not of one container',
          'leave it out; see docs/docker.md',
        )
      : [],
  );
  if (faults.length > 0) throw refuse(...faults);
}

interface AskedInterface {
  readonly addresses: readonly Ip[];
  readonly mac?: string;
}

function readInterface({
  Address,
  AddressIPv6,
  MacAddress,
}: {
  Address: string;
  AddressIPv6: string;
  MacAddress: string;
}): AskedInterface {
  const faults: Fault[] = [];
  const addresses = [Address, AddressIPv6].flatMap((text) => {
    if (text === '') return [];
    const address = parseInterfaceAddress(text);
    if (!address.ok) faults.push(fault('address', text, address.problem, address.fix));
    return address.ok ? [ipOf(address.value)] : [];
  });
  const mac = MacAddress === '' ? undefined : take(faults, '--mac-address', MacAddress, parseMac(MacAddress));
  if (faults.length > 0) throw refuse(...faults);
  return { addresses, mac };
}

/** dockerd takes a field that it filled itself for an attempt to change it, and gives the endpoint up. */
function withoutWhatWasAsked(
  { endpoint }: DoorAttached,
  subnets: readonly { readonly cidr: Cidr }[],
  asked: AskedInterface,
): object {
  const chosen = endpoint.addresses.filter((ip) => !asked.addresses.includes(ip));
  const fields = chosen.map((ip) => {
    const { cidr } = subnets.find((subnet) => cidrContains(subnet.cidr, ip))!;
    return [familyOf(ip) === 4 ? 'Address' : 'AddressIPv6', interfaceAddress(ip, prefixLengthOf(cidr))];
  });
  return { ...Object.fromEntries(fields), ...(asked.mac === undefined && { MacAddress: endpoint.mac }) };
}

const gatewaysOf = (subnets: readonly { readonly gateway: Ip }[]): object =>
  Object.fromEntries(
    subnets.map(({ gateway }) => [familyOf(gateway) === 4 ? 'Gateway' : 'GatewayIPv6', gateway]),
  );
