import {
  type Cidr,
  cidrContains,
  cidrFamily,
  type InterfaceAddress,
  interfaceAddress,
  parseCidr,
  prefixLengthOf,
} from '#model/cidr.ts';
import { type Fault, fault, isRejection, take } from '#model/fault.ts';
import { type Family, type Ip, parseIp } from '#model/ip.ts';
import type { Network } from '#model/records.ts';
import {
  ADDRESS_SPACE,
  bothDrivers,
  type DriverParts,
  findNetwork,
  heardOf,
  networkOf,
  offeredGateway,
} from './driver-parts.ts';
import { NETWORK_OPTION } from './network-options.ts';
import { PluginError, refuse, refuseAsDocker } from './plugin-error.ts';
import { method, type PluginMethods, plainMethod } from './plugin-method.ts';
import { formatPoolId, parsePoolId, readPoolId } from './pool-id.ts';
import {
  poolRequest,
  type RequestPoolRequest,
  releaseAddressRequest,
  requestAddressRequest,
  requestPoolRequest,
} from './requests.ts';

const ADDRESS_TYPE = 'RequestAddressType';
const GATEWAY = 'com.docker.network.gateway';

/** Docker's IPAM driver: its pools are the subnets of Weft's networks, its addresses are held at Weft's. */
export const ipamDriver = (parts: DriverParts): PluginMethods => ({
  // No replay: a PoolID says by itself what it is of, and what else is to be known is in the journal. So a dockerd
  // that starts asks for nothing that could fail.
  'IpamDriver.GetCapabilities': plainMethod({ RequiresMACAddress: false, RequiresRequestReplay: false }),
  'IpamDriver.GetDefaultAddressSpaces': plainMethod({
    LocalDefaultAddressSpace: ADDRESS_SPACE,
    GlobalDefaultAddressSpace: ADDRESS_SPACE,
  }),
  'IpamDriver.RequestPool': method(requestPoolRequest, (request) => requestPool(parts, request)),
  'IpamDriver.ReleasePool': method(poolRequest, ({ PoolID }) => {
    parts.pools.delete(PoolID);
    parts.kick();
    return {};
  }),

  'IpamDriver.RequestAddress': method(requestAddressRequest, async ({ PoolID, Address, Options }, signal) => {
    const pool = readPoolId(PoolID);
    const faults: Fault[] = [];
    const address = Address === '' ? undefined : take(faults, '--ip', Address, parseIp(Address));
    if (faults.length > 0) throw refuse(...faults);
    if (Options?.[ADDRESS_TYPE] !== GATEWAY)
      return { Address: await holdAddress(parts, PoolID, address, signal), Data: {} };
    const network = pool.network && heardOf(parts.door, pool.network);
    const gateway = takeGateway(parts, pool.cidr, network, address);
    return { Address: interfaceAddress(gateway, prefixLengthOf(pool.cidr)), Data: {} };
  }),

  // Only what was set aside for an endpoint that never came: of one that was, the address went with the endpoint.
  'IpamDriver.ReleaseAddress': method(releaseAddressRequest, ({ PoolID, Address }) => {
    const pool = parsePoolId(PoolID);
    const address = parseIp(Address);
    if (pool?.host !== parts.door.host || !address.ok) return {};
    const network = pool.network ?? parts.book.unnamedWith(pool.cidr)?.network;
    if (network) parts.door.dropHold(network, address.value);
    return {};
  }),
});

function requestPool(parts: DriverParts, request: RequestPoolRequest): object {
  const { pools, door } = parts;
  const { network, cidr, isChosen } = choosePool(parts, request);
  const poolId = formatPoolId({ host: door.host, network: network?.id, cidr });
  pools.add(poolId, cidr, isChosen);
  const gateway = offeredGateway(parts, cidr, network);
  return {
    PoolID: poolId,
    Pool: cidr,
    Data: gateway && { [GATEWAY]: interfaceAddress(gateway, prefixLengthOf(cidr)) },
  };
}

function choosePool(
  parts: DriverParts,
  { AddressSpace, Pool, SubPool, Options, V6 }: RequestPoolRequest,
): { network?: Network; cidr: Cidr; isChosen?: boolean } {
  const faults: Fault[] = [];
  if (AddressSpace !== ADDRESS_SPACE)
    faults.push(fault('address space', AddressSpace, 'is not of Weft', `Weft has ${ADDRESS_SPACE} only`));
  if (SubPool !== '' && SubPool !== Pool)
    faults.push(
      fault('--ip-range', SubPool, 'is not needed: no two hosts give the same address', 'leave it out'),
    );
  const network = readNetwork(parts, faults, Options ?? {});
  const cidr = Pool === '' ? undefined : take(faults, '--subnet', Pool, parseCidr(Pool));
  if (faults.length > 0) throw refuse(...faults);
  const family = V6 ? 6 : 4;
  if (network) return { network, cidr: subnetOf(network, family, cidr) };
  if (!cidr) return { cidr: freeSubnet(parts, family), isChosen: true };
  checkUnused(parts, cidr);
  return { cidr };
}

function readNetwork(
  { door }: DriverParts,
  faults: Fault[],
  options: Readonly<Record<string, string>>,
): Network | undefined {
  for (const [key, value] of Object.entries(options))
    if (key !== NETWORK_OPTION)
      faults.push(
        fault(`--ipam-opt ${key}`, value, 'is not known', `leave it out; there is ${NETWORK_OPTION} only`),
      );
  const word = options[NETWORK_OPTION];
  const network = word === undefined ? undefined : findNetwork(door, word);
  if (word !== undefined && !network)
    faults.push(
      fault(
        `--ipam-opt ${NETWORK_OPTION}`,
        word,
        'is not a network of Weft',
        'see `weft network ls` for those there are',
      ),
    );
  return network;
}

/** Of a network that is known, Docker's user need not know the subnet. */
function subnetOf({ name, subnets }: Network, family: Family, asked: Cidr | undefined): Cidr {
  const own = subnets.find(({ cidr }) => cidrFamily(cidr) === family)?.cidr;
  if (!own)
    throw refuse(
      fault(
        'network',
        name,
        `has no IPv${family} subnet`,
        family === 6 ? 'leave --ipv6 out' : 'use Docker 28 or later, with --ipv4=false',
      ),
    );
  if (asked === undefined || asked === own) return own;
  throw refuse(fault('--subnet', asked, `is not the subnet of network ${name}`, `use --subnet ${own}`));
}

/** Docker asks again, and keeps what it has, until it is given what none of its other networks overlaps. */
function freeSubnet({ door, pools, book }: DriverParts, family: Family): Cidr {
  const taken = [...pools.cidrs(), ...book.all().flatMap(({ subnets }) => subnets)];
  const free = door.freeSubnet(family, taken);
  if (isRejection(free)) throw refuseAsDocker(free);
  return free;
}

/** All that Docker says when it wants an address is a pool: two of the same subnet would be one and the same. */
function checkUnused({ door, pools, book }: DriverParts, cidr: Cidr): void {
  const isAwaited = pools.has(formatPoolId({ host: door.host, cidr }));
  if (!isAwaited && !book.unnamedWith(cidr)) return;
  throw refuse(
    fault(
      '--subnet',
      cidr,
      'is the subnet of another Docker network on this host, and Docker would not say which of them it means',
      `make this one with \`weft network create NAME --subnet ${cidr}\`, and it appears in Docker`,
    ),
  );
}

/** Nobody gets a network's gateway as an address, so there is nothing to hold. */
function takeGateway(
  parts: DriverParts,
  cidr: Cidr,
  network: Network | undefined,
  asked: Ip | undefined,
): Ip {
  const own = offeredGateway(parts, cidr, network);
  const gateway = asked ?? own;
  if (!gateway)
    throw refuse(
      fault(
        '--subnet',
        cidr,
        'has 1 address, which leaves none for a gateway',
        `use ${WIDER[cidrFamily(cidr)]} or wider`,
      ),
    );
  if (!cidrContains(cidr, gateway))
    throw refuse(fault('--gateway', gateway, `is outside the subnet ${cidr}`, 'leave it out'));
  if (network && gateway !== own)
    throw refuse(fault('--gateway', gateway, `is not the gateway of network ${network.name}`, `use ${own}`));
  return gateway;
}

/** The narrowest that admission takes. */
const WIDER = { 4: '/30', 6: '/126' };

async function holdAddress(
  parts: DriverParts,
  poolText: string,
  address: Ip | undefined,
  signal: AbortSignal,
): Promise<InterfaceAddress> {
  const { door, book, pools } = parts;
  const { cidr, network: id } = readPoolId(poolText);
  // Endpoints come after their network: what is asked for between the two is an auxiliary address, or an endpoint's of a
  // network that another driver has made.
  if (pools.has(poolText)) throw refuse(address ? auxiliary(address) : ofAnotherDriver(parts));
  const network =
    (id && heardOf(door, id)) ?? (await networkOf(parts, () => findCopy(book, id, cidr), signal));
  const subnet = subnetOf(network, cidrFamily(cidr), undefined);
  const held = await door.holdAddress({ network: network.id, subnet, address });
  if (isRejection(held)) throw refuseAsDocker(held, network);
  if (!signal.aborted) return interfaceAddress(held, prefixLengthOf(subnet));
  door.dropHold(network.id, held);
  throw new PluginError('too late');
}

const auxiliary = (address: Ip): Fault =>
  fault(
    '--aux-address',
    address,
    'cannot be set aside',
    'leave it out; who has an address outside of Weft is made known by `weft peer add`',
  );

const ofAnotherDriver = ({ driver }: DriverParts): Fault =>
  fault(
    '--ipam-driver',
    driver,
    `gives addresses in networks of driver ${driver} alone, and this is of another`,
    `docker network rm it, and make it again with ${bothDrivers(driver)}`,
  );

const findCopy = (book: DriverParts['book'], id: Network['id'] | undefined, cidr: Cidr) =>
  id ? book.copyOf(id) : book.unnamedWith(cidr);
