import { type Cidr, cidrFamily, ipOf, parseCidr } from '#model/cidr.ts';
import { type Fault, fault, type Rejection, reject } from '#model/fault.ts';
import type { Network } from '#model/records.ts';
import { ADDRESS_SPACE, type DriverParts, offeredGateway, usualGateway } from './driver-parts.ts';
import type { DockerNetwork } from './network-book.ts';
import {
  type AskedOptions,
  NETWORK_OPTION,
  type NetworkWords,
  readNetworkOptions,
} from './network-options.ts';
import type { CreateNetworkRequest, IpamData } from './requests.ts';

/** What Docker asks for, read; nothing of it has been compared with what there is. */
export interface AskedNetwork {
  readonly options: AskedOptions;
  readonly copy: DockerNetwork;
}

const GENERIC = 'com.docker.network.generic';
const INTERNAL = 'com.docker.network.internal';
/** The pool of Docker's IPAM driver `null`. */
const NO_POOL = '0.0.0.0/0';

/** Every fault at once, in the words of `docker network create`. */
export function readNetwork(
  { NetworkID, Options, IPv4Data, IPv6Data }: CreateNetworkRequest,
  parts: DriverParts,
): AskedNetwork | Rejection {
  const faults: Fault[] = [];
  const options = readNetworkOptions(faults, (Options?.[GENERIC] ?? {}) as Record<string, unknown>);
  const data = [...(IPv4Data ?? []), ...(IPv6Data ?? [])];
  const subnets = readPools(faults, data, parts.driver);
  if (faults.length > 0) return reject('invalid', ...faults);
  return {
    options,
    copy: {
      dockerId: NetworkID,
      subnets,
      named: options.network !== undefined,
      words: {
        ...options.words,
        gateways: data.flatMap((pool) => askedGateway(parts, pool)),
        ...(Options?.[INTERNAL] === true && { internal: true }),
      },
    },
  };
}

/** Docker asks for the one that it was offered, too: Weft would choose the same, unless it offered another. */
function askedGateway(parts: DriverParts, { Pool, Gateway }: IpamData): string[] {
  const gateway = Gateway.split('/')[0]!;
  const cidr = parseCidr(Pool);
  const isUsual = cidr.ok && gateway === usualGateway(cidr.value);
  return gateway === '' || (isUsual && gateway === offeredGateway(parts, cidr.value)) ? [] : [gateway];
}

function readPools(faults: Fault[], data: readonly IpamData[], driver: string): Cidr[] {
  if (data.length === 0) {
    // Since Docker 28 this can be asked for.
    faults.push(
      fault('--ipv4', 'false', 'leaves no family to give addresses of', 'add --ipv6, or leave it out'),
    );
    return [];
  }
  const strange = data.find(({ AddressSpace }) => AddressSpace !== ADDRESS_SPACE);
  if (strange) {
    const subnet = strange.Pool === NO_POOL ? '' : ` --subnet ${strange.Pool}`;
    faults.push(
      fault(
        '--ipam-driver',
        strange.Pool === NO_POOL ? 'null' : strange.AddressSpace,
        'gives addresses that other hosts do not know of',
        `let Weft give them: docker network create -d ${driver} --ipam-driver ${driver}${subnet} NAME`,
      ),
    );
    return [];
  }
  const cidrs = data.flatMap(({ Pool, AuxAddresses }) => {
    for (const [name, address] of Object.entries(AuxAddresses ?? {}))
      faults.push(fault('--aux-address', `${name}=${address}`, 'cannot be set aside', 'leave it out'));
    const cidr = parseCidr(Pool);
    if (!cidr.ok) faults.push(fault('--subnet', Pool, cidr.problem, cidr.fix));
    return cidr.ok ? [cidr.value] : [];
  });
  for (const [i, cidr] of cidrs.entries())
    if (cidrs.findIndex((each) => cidrFamily(each) === cidrFamily(cidr)) < i)
      faults.push(
        fault(
          '--subnet',
          cidr,
          `comes beside another of IPv${cidrFamily(cidr)}`,
          'give one: a network has at most one a family',
        ),
      );
  return cidrs;
}

/** Of a subnet that nobody asked for, the family alone counts. */
export const hasSubnets = (
  { subnets }: Network,
  { subnets: asked, chosen = [] }: Pick<DockerNetwork, 'subnets' | 'chosen'>,
): boolean =>
  subnets.length === asked.length &&
  asked.every((each) =>
    subnets.some(
      ({ cidr }) => each === cidr || (chosen.includes(each) && cidrFamily(each) === cidrFamily(cidr)),
    ),
  );

/** What was asked for and a network that exists has otherwise; its subnets are compared elsewhere. */
export function differences(network: Network, words: DockerNetwork['words']): Fault[] {
  const { gateways, internal, allowOverlap: _, ...options } = words;
  const own: NetworkWords & Network = network;
  const fix = `leave it out, or choose another network than ${network.name}`;
  const faults = Object.entries(options).flatMap(([word, asked]) => {
    const has = own[word as keyof typeof options];
    return asked === undefined || asked === has
      ? []
      : [fault(`-o weft.${word}`, asked, `is ${has} there`, fix)];
  });
  for (const gateway of gateways)
    if (!network.subnets.some((subnet) => subnet.gateway === gateway))
      faults.push(
        fault(
          '--gateway',
          gateway,
          `is not the gateway of network ${network.name}`,
          `use ${gatewaysOf(network)}`,
        ),
      );
  if (internal !== undefined && internal !== network.internal)
    faults.push(fault('--internal', internal, `is ${network.internal} there`, fix));
  return faults;
}

const gatewaysOf = ({ subnets }: Network): string => subnets.map(({ gateway }) => gateway).join(' and ');

/** `docker network create …`, as it must be for a network that exists. */
export const commandFor = ({ name, subnets }: Network, driver: string): string =>
  [
    `docker network create -d ${driver} --ipam-driver ${driver}`,
    ...(subnets.some(({ cidr }) => ipOf(cidr).includes(':')) ? ['--ipv6'] : []),
    `--ipam-opt ${NETWORK_OPTION}=${name} -o ${NETWORK_OPTION}=${name} ${name}`,
  ].join(' ');
