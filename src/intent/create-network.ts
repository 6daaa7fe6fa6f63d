import { fault, isRejection, type Rejection, take } from '#model/fault.ts';
import { createId } from '#model/id.ts';
import { FAMILIES, familyOf } from '#model/ip.ts';
import { parseName } from '#model/name.ts';
import {
  DEFAULT_GATEWAY_USE,
  GATEWAY_USES,
  type Network,
  put,
  type Subnet,
  UNDERLAY_FAMILIES,
} from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';
import { DEFAULT_ADOPTING_MODE, DEFAULT_TUNNEL_MODE } from '#model/tunnel-mode.ts';
import { FIRST_AUTOMATIC_VNI, MAX_VNI, parseVni, type Vni } from '#model/vni.ts';
import type { CreateNetwork } from '#model/wish.ts';
import { type Admitted, admitted, type Chance } from './admitted.ts';
import { allocateSubnet } from './allocate-subnet.ts';
import { allocateVni, vnisOf } from './allocate-vni.ts';
import { complete, type Faults, noFaults } from './faults.ts';
import { readLabels } from './labels.ts';
import { chooseGroup, readGroup } from './multicast-group.ts';
import { chooseMtu, readMtu } from './network-mtu.ts';
import { chooseUnderlay, noticesOfHindrance } from './network-underlay.ts';
import type { Pools } from './pools.ts';
import { readChoice, readName, readWholeNumber } from './read-field.ts';
import { readMode } from './read-mode.ts';
import { DEFAULT_PORT, readPort } from './read-port.ts';
import { readPortSecurity } from './read-port-security.ts';
import { readSubnets } from './read-subnets.ts';
import { firstUsable } from './usable-addresses.ts';

/** Of the outer packet: the usual default of a Linux host (net.ipv4.ip_default_ttl). */
const DEFAULT_TTL = 64;

/** A new network, everything it leaves open chosen. Not idempotent: a name that exists is a conflict. */
export function createNetwork(
  wish: CreateNetwork,
  snapshot: SnapshotView,
  chance: Chance,
  pools: Pools,
): Admitted | Rejection {
  const faults = noFaults();
  const hosts = [...snapshot.hosts.values()];
  const name = readNetworkName(faults, wish.name, snapshot);
  const subnets = wish.adopts ? [] : readOrAllocateSubnets(faults, wish, snapshot, pools);
  const hasIpv6 = subnets.some(({ gateway }) => familyOf(gateway) === 6);
  const underlay = readChoice(faults, 'underlay', wish.underlay ?? chooseUnderlay(hosts), UNDERLAY_FAMILIES);
  const carrier = underlay ?? chooseUnderlay(hosts);
  const usual = wish.adopts ? DEFAULT_ADOPTING_MODE : DEFAULT_TUNNEL_MODE;
  const mode = readMode(faults, wish.mode ?? usual, wish.adopts);
  const group = readGroup(faults, wish.group, mode, carrier);
  const fields = complete(faults, {
    name,
    vni: readOrAllocateVni(faults, wish.vni, snapshot),
    port: readPort(faults, wish.port ?? DEFAULT_PORT, hosts),
    mode,
    underlay,
    mtu: wish.adopts
      ? 0
      : wish.mtu === undefined
        ? chooseMtu(hosts, carrier, hasIpv6)
        : readMtu(faults, wish.mtu, carrier, hasIpv6),
    ttl: readWholeNumber(faults, 'ttl', wish.ttl ?? DEFAULT_TTL, 1, 255),
    subnets,
    adopts: wish.adopts ?? false,
    internal: wish.internal ?? false,
    gateway: readChoice(faults, 'gateway', wish.gateway ?? DEFAULT_GATEWAY_USE, GATEWAY_USES),
    portSecurity: readPortSecurity(faults, wish.portSecurity),
    labels: readLabels(faults, wish.labels ?? {}),
  });
  if (isRejection(fields)) return fields;
  const network: Network = {
    kind: 'network',
    id: createId(chance.now, chance.entropy),
    ...fields,
    ...(mode === 'multicast' && { group: group ?? chooseGroup(fields.vni, fields.underlay) }),
  };
  return admitted([put(network)], network, wish.adopts ? [] : noticesOfHindrance(network, hosts));
}

function readNetworkName(faults: Faults, value: string, snapshot: SnapshotView): string | undefined {
  const name = readName(faults, 'name', value, parseName);
  const holder = name && snapshot.networkNamed(name);
  if (holder) {
    const problem = `is taken by network ${holder.name} (VNI ${holder.vni})`;
    faults.conflict.push(fault('name', value, problem, 'choose another name; case makes no difference'));
  }
  return name;
}

function readOrAllocateSubnets(
  faults: Faults,
  wish: CreateNetwork,
  snapshot: SnapshotView,
  pools: Pools,
): Subnet[] {
  if (wish.subnets.length + wish.gateways.length > 0) return readSubnets(faults, wish, snapshot);
  return FAMILIES.flatMap((family) => {
    const cidr = allocateSubnet(family, pools, snapshot);
    if (cidr) return [{ cidr, gateway: firstUsable(cidr) }];
    const problem = 'has no range left that no network has and no host routes';
    const fix = 'give --subnet, remove a network, or give the controller a larger pool';
    faults.exhausted.push(fault('subnet', `pool ${family === 4 ? pools.ipv4 : pools.ipv6}`, problem, fix));
    return [];
  });
}

function readOrAllocateVni(
  faults: Faults,
  value: number | undefined,
  snapshot: SnapshotView,
): Vni | undefined {
  if (value !== undefined) return readVni(faults, value, snapshot);
  const vni = allocateVni(snapshot);
  if (vni === undefined) {
    const problem = `are all taken from ${FIRST_AUTOMATIC_VNI} to ${MAX_VNI}`;
    faults.exhausted.push(fault('vni', 'automatic', problem, 'give a lower --vni, or remove a network'));
  }
  return vni;
}

/** Whatever its port: a network's VNI alone names it in frames, namespaces and captures. */
function readVni(faults: Faults, value: number, snapshot: SnapshotView): Vni | undefined {
  const vni = take(faults.invalid, 'vni', value, parseVni(value));
  if (vni === undefined) return undefined;
  for (const network of snapshot.networks.values()) {
    if (!vnisOf(network).includes(vni)) continue;
    const problem = `is taken by network ${network.name}`;
    faults.conflict.push(fault('vni', value, problem, 'choose another VNI, or leave it out'));
  }
  return vni;
}
