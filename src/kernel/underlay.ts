import { fault, type Rejection, reject } from '#model/fault.ts';
import { FAMILIES, type Family, familyOf, type Ip, parseIp } from '#model/ip.ts';
import { isOwnHostLink } from '#model/own.ts';
import { openConversation } from '#netlink/conversation.ts';
import { type Address, decodeAddress, encodeDumpAddresses, IFA_F, RT_SCOPE } from '#netlink/route/address.ts';
import { decodeLink, encodeDumpLinks, IFF, type Link } from '#netlink/route/link.ts';
import type { Route } from '#netlink/route/route.ts';
import { routeTowards } from './route-towards.ts';
import { readSysctls } from './sysctl.ts';

/** Where this host's tunnels end. */
export interface Underlay {
  readonly interface: string;
  /** In bytes. */
  readonly mtu: number;
  /** At most one a family; the one that was asked for first. */
  readonly addresses: readonly Ip[];
  /** Why no frame passes by the interface now, if it is so. */
  readonly ailment?: Ailment;
}

export interface Ailment {
  readonly problem: string;
  readonly fix: string;
}

/** What to find the underlay by. */
export interface UnderlayWish {
  /** `--underlay`: an address of this host, and then only that, or an interface, with its first address a family. */
  readonly text?: string;
  /** Without a text: the interface that leads there (the controller), with the source address of that route. */
  readonly towards?: Ip;
  /**
   * What the others know this host by: kept as long as it has them there. The kernel lists the youngest address of IPv6
   * first, be it one that comes and goes, as an address that floats between hosts, or one that is for privacy.
   */
  readonly known?: readonly Ip[];
}

/** Looks at this host's interfaces and routes once; an answer may be old by the next moment. */
export function findUnderlay(wish: UnderlayWish): Underlay | Rejection {
  const conversation = openConversation();
  try {
    const links = conversation.dump(encodeDumpLinks(), decodeLink);
    const addresses = conversation.dump(encodeDumpAddresses(), decodeAddress);
    const untried = addresses.filter(({ flags }) => (flags & (IFA_F.TENTATIVE | IFA_F.DADFAILED)) !== 0);
    const host = withoutOwn({ links, addresses: addresses.filter(isUsable), untried });
    const way = wish.towards && routeTowards(conversation, wish.towards);
    const { text, known } = wish;
    const found = text === undefined ? byRoute(host, way, known) : byText(host, text, way, known);
    return 'addresses' in found ? wayOut(host, found, way, text) : found;
  } finally {
    conversation.close();
  }
}

interface HostInterfaces {
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
  /** Of which the kernel does not know, or knows better, that no other machine has them. */
  readonly untried: readonly Address[];
}

/** What Weft made leads into its own networks: no tunnel can end there. */
function withoutOwn({ links, addresses, untried }: HostInterfaces): HostInterfaces {
  const isOwn = ({ name = '', group }: Link) => isOwnHostLink({ name, group });
  const own = new Set(links.filter(isOwn).map(({ index }) => index));
  return {
    links: links.filter(({ index }) => !own.has(index)),
    addresses: addresses.filter(({ ifindex }) => !own.has(ifindex)),
    untried: untried.filter(({ ifindex }) => !own.has(ifindex)),
  };
}

/** Reachable from elsewhere, and not still being tried. */
const isUsable = ({ scope, flags }: Address): boolean =>
  scope === RT_SCOPE.UNIVERSE && (flags & (IFA_F.TENTATIVE | IFA_F.DADFAILED)) === 0;

/** About to go, or not to be chosen by what asks for any (`preferred_lft 0`); until then it is as good as others. */
const isDeprecated = ({ flags }: Address): boolean => (flags & IFA_F.DEPRECATED) !== 0;

function byText(
  host: HostInterfaces,
  text: string,
  way: Route | undefined,
  known?: readonly Ip[],
): Underlay | Rejection {
  const ip = parseIp(text);
  if (ip.ok) {
    const found = rowOf(host, ip.value, way);
    if (found) return underlayOf(host, found.ifindex, [ip.value]);
    return refuseAddress(host, text, ip.value);
  }
  const link = host.links.find(({ name }) => name === text);
  if (!link) return refuse(text, 'is neither an address nor an interface of this host', interfaceHint(host));
  const addresses = firstAddresses(host, link.index, known);
  if (addresses.length > 0) return underlayOf(host, link.index, addresses);
  return refuse(text, 'has no address that other hosts could reach', interfaceHint(host));
}

/**
 * An address of the loopback device, or of one that stands for it, is reached by any interface, and so outlives each of
 * them: a VTEP for hosts with several ways. Frames leave by the one that leads to the controller; with none known, they
 * must fit through all.
 */
function wayOut(
  host: HostInterfaces,
  found: Underlay,
  route: Route | undefined,
  text = '',
): Underlay | Rejection {
  const holder = host.links.find(({ name }) => name === found.interface);
  if (!holder || !leadsNowhere(holder)) return found;
  const others = host.links.filter((link) => link.up && !leadsNowhere(link));
  const way = others.find(({ index }) => index === route?.oif) ?? narrowest(numberedOf(host, others));
  if (way) return { ...found, interface: way.name ?? '', mtu: way.mtu ?? 0 };
  if (holder.name !== LOOPBACK) return found;
  const fix = 'bring up the interface by which this host reaches the others';
  return refuse(text, 'is of the loopback device, and no other interface is up', fix);
}
const LOOPBACK = 'lo';
const leadsNowhere = ({ name, kind }: Link): boolean => name === LOOPBACK || kind === 'dummy';

/** Those with addresses; where none has any, as between routers that have but one address each, all. */
function numberedOf({ addresses }: HostInterfaces, links: readonly Link[]): readonly Link[] {
  const numbered = links.filter(({ index }) => addresses.some(({ ifindex }) => ifindex === index));
  return numbered.length > 0 ? numbered : links;
}

const narrowest = (links: readonly Link[]): Link | undefined =>
  [...links].sort((a, b) => (a.mtu ?? 0) - (b.mtu ?? 0))[0];

function byRoute(host: HostInterfaces, way: Route | undefined, known?: readonly Ip[]): Underlay | Rejection {
  const found = rowOf(host, way?.prefSource, way);
  const link = host.links.find(({ index }) => index === found?.ifindex);
  if (!found || link?.name === LOOPBACK)
    return refuse('', 'cannot be told from the way to the controller', addressHint(host));
  const family = familyOf(found.address);
  const rows = rowsOf(host, found.ifindex, family);
  const own = isTemporary(found) ? lastingRow(rows, known)! : (keptRow(rows, known) ?? found);
  const others = firstAddresses(host, found.ifindex, known).filter((ip) => familyOf(ip) !== family);
  return underlayOf(host, found.ifindex, [own.address as Ip, ...others]);
}

/** Of several interfaces that have the address (links to one other machine borrow it) the one that leads out. */
function rowOf({ addresses }: HostInterfaces, ip: string | undefined, way: Route | undefined) {
  const rows = addresses.filter(({ address }) => address === ip);
  return rows.find(({ ifindex }) => ifindex === way?.oif) ?? rows[0];
}

const underlayOf = ({ links }: HostInterfaces, ifindex: number, addresses: readonly Ip[]): Underlay => {
  const link = links.find(({ index }) => index === ifindex);
  const { name = '', mtu = 0 } = link ?? {};
  return { interface: name, mtu, addresses, ailment: link && ailmentOf(link, links) };
};

function ailmentOf(link: Link, links: readonly Link[]): Ailment | undefined {
  const { name, up, flags } = link;
  if (!up) return { problem: 'is down', fix: `ip link set ${name} up` };
  if ((flags & IFF.RUNNING) === 0)
    return {
      problem: 'has no carrier',
      fix: `see to the cable or the switch of ${name}, or to the device that it stands on`,
    };
  const vrf = [link, links.find(({ index }) => index === link.master)].find((one) => one?.kind === 'vrf');
  if (!vrf || hearsVrfs()) return undefined;
  const problem = `is in VRF ${vrf.name}, and tunnels are outside of it`;
  const fix = `give --underlay an interface that is in none; or sysctl -w ${HEARS_VRFS}=1, and routes to the other hosts in the main table`;
  return { problem, fix };
}

/** A socket that is bound to no device, as a tunnel's, takes what comes by a VRF only with that. */
const hearsVrfs = (): boolean =>
  readSysctls(undefined, [HEARS_VRFS.replaceAll('.', '/')]).some(([, value]) => value === '1');
const HEARS_VRFS = 'net.ipv4.udp_l3mdev_accept';

const firstAddresses = (host: HostInterfaces, ifindex: number, known?: readonly Ip[]): Ip[] =>
  FAMILIES.flatMap((family) => {
    const row = lastingRow(rowsOf(host, ifindex, family), known);
    return row ? [row.address as Ip] : [];
  });

/** Deprecated ones where there are no others. */
function rowsOf({ addresses }: HostInterfaces, ifindex: number, family: Family): Address[] {
  const rows = addresses.filter((row) => row.ifindex === ifindex && familyOf(row.address) === family);
  const lasting = rows.filter((row) => !isDeprecated(row));
  return lasting.length > 0 ? lasting : rows;
}

const lastingRow = (rows: readonly Address[], known?: readonly Ip[]): Address | undefined =>
  keptRow(rows, known) ?? rows.find((row) => !isTemporary(row)) ?? rows[0];

const keptRow = (rows: readonly Address[], known: readonly Ip[] = []): Address | undefined =>
  rows.find(({ address }) => known.includes(address as Ip));

const isTemporary = ({ address, flags }: Address): boolean =>
  familyOf(address) === 6 && (flags & IFA_F.TEMPORARY) !== 0;

const refuse = (text: string, problem: string, fix: string): Rejection =>
  reject('invalid', fault('underlay', text, problem, fix));

function refuseAddress(host: HostInterfaces, text: string, ip: Ip): Rejection {
  const untried = host.untried.find(({ address }) => address === ip);
  if (!untried) return refuse(text, 'is not an address of this host', addressHint(host));
  if ((untried.flags & IFA_F.DADFAILED) === 0)
    return refuse(text, 'is still being tried by the kernel (tentative)', 'try again in a few seconds');
  return refuse(
    text,
    'is another machine’s, too (dadfailed)',
    'take it from one of the two, and add it anew here',
  );
}

const addressHint = ({ addresses }: HostInterfaces): string => {
  const known = addresses.map(({ address }) => address).slice(0, 8);
  return known.length > 0
    ? `give --underlay one of this host’s own: ${known.join(', ')}`
    : 'give this host an address first';
};

const interfaceHint = ({ links, addresses }: HostInterfaces): string => {
  const able = links.filter(({ index }) => addresses.some(({ ifindex }) => ifindex === index));
  const names = able.map(({ name }) => name).slice(0, 8);
  return names.length > 0
    ? `give --underlay one that has an address: ${names.join(', ')}`
    : 'give this host an address first';
};
