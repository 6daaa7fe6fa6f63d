import { bornIpv6 } from './born-ipv6.ts';
import { commandLine, namespaceWord } from './command-line.ts';
import {
  type BridgePort,
  HOST_NAMESPACE,
  type Link,
  type LinkDetail,
  type VxlanDetail,
} from './kernel-state.ts';

type Words = (string | number)[];

/** Makes the device and dresses it; a container's interface and `lo` are there already and are only dressed. */
export const renderLinkAdd = (link: Link): string[] => [...create(link), ...dress(link)];

/** Only what differs. */
export function renderLinkChange(link: Link, was: Link): string[] {
  const detail = detailChange(link.detail, was.detail);
  return [
    ...(detail.length > 0 ? [set(link, 'type', link.detail.type, ...detail)] : []),
    ...dress(link, was),
  ];
}

export const renderLinkDelete = ({ ns, name }: Link): string[] => [
  commandLine('ip', ns, 'link', 'del', 'dev', name),
];

const set = ({ ns, name }: Link, ...words: Words): string =>
  commandLine('ip', ns, 'link', 'set', 'dev', name, ...words);

function create({ ns, name, group, detail }: Link): string[] {
  const mark: Words = group === undefined ? [] : ['group', group];
  const add = (...words: Words) => [commandLine('ip', ns, 'link', 'add', name, ...mark, ...words)];
  switch (detail.type) {
    case 'bridge':
      return add('type', 'bridge', ...bridgeWords(detail), 'forward_delay', 0);
    case 'vxlan': {
      // Typed in the host's namespace: the device is born inside, its UDP socket stays with the host.
      const born: Words = ns === HOST_NAMESPACE ? [] : ['netns', namespaceWord(ns)];
      const words = ['type', 'vxlan', ...vxlanWords(detail)];
      return [commandLine('ip', HOST_NAMESPACE, 'link', 'add', name, ...mark, ...born, ...words)];
    }
    case 'veth': {
      const { peer } = detail;
      const end: Words = peer ? ['peer', 'name', peer.name] : [];
      // The host's own has no name: it is that of its first process.
      const place: Words =
        peer && peer.ns !== ns ? ['netns', peer.ns === HOST_NAMESPACE ? 1 : namespaceWord(peer.ns)] : [];
      return add('type', 'veth', ...end, ...place);
    }
    case 'macvlan':
      return add('link', detail.parent, 'type', 'macvlan', 'mode', detail.mode);
    case 'other':
      return add('type', detail.linkKind);
    case 'veth-peer':
    case 'loopback':
      return [];
  }
}

const onOff = (value: boolean): string => (value ? 'on' : 'off');

const bridgeWords = ({ stp, multicastSnooping }: Extract<LinkDetail, { type: 'bridge' }>): Words => [
  'stp_state',
  Number(stp),
  'mcast_snooping',
  Number(multicastSnooping),
];

function vxlanWords(detail: VxlanDetail): Words {
  const flags = (['proxy', 'l2miss', 'l3miss'] as const).filter((flag) => detail[flag]);
  const { vni, port, local, ttl, learning, remote, device: via } = detail;
  const device: Words = ['id', vni, 'dstport', port, 'local', local, 'ttl', ttl];
  if (remote) device.push('group', remote, 'dev', via ?? '');
  return [...device, learning ? 'learning' : 'nolearning', ...flags];
}

/** Of a live device; what the kernel refuses there is never a change (see plan/link.ts). */
function detailChange(wanted: LinkDetail, was: LinkDetail): Words {
  if (wanted.type === 'bridge' && was.type === 'bridge')
    return wanted.stp === was.stp && wanted.multicastSnooping === was.multicastSnooping
      ? []
      : bridgeWords(wanted);
  if (wanted.type !== 'vxlan' || was.type !== 'vxlan') return [];
  const words: Words = [];
  if (wanted.local !== was.local) words.push('local', wanted.local);
  // The kernel looks for the interface in the host's namespace; ip(8) only in the device's own, and refuses.
  if (wanted.remote === '' && was.remote) words.push('group', 'none');
  else if (wanted.remote && (wanted.remote !== was.remote || wanted.device !== was.device))
    words.push('group', wanted.remote, 'dev', wanted.device ?? '');
  if (wanted.ttl !== was.ttl) words.push('ttl', wanted.ttl);
  if (wanted.learning !== was.learning) words.push(wanted.learning ? 'learning' : 'nolearning');
  return words;
}

/** Attributes first and up last: with `up` in the same command the kernel would make a link-local address before. */
function dress(link: Link, was?: Link): string[] {
  const differs = (field: 'mac' | 'mtu' | 'master' | 'addrGenMode') =>
    link[field] !== undefined && link[field] !== was?.[field];
  const words: Words = [];
  if (differs('mac')) words.push('address', link.mac!);
  if (differs('mtu')) words.push('mtu', link.mtu!);
  const isMarkedLater = was !== undefined || link.detail.type === 'veth-peer';
  if (isMarkedLater && link.group !== undefined && link.group !== was?.group) words.push('group', link.group);
  if (differs('addrGenMode')) words.push('addrgenmode', link.addrGenMode!);
  if (differs('master') && (was || link.master)) words.push(...masterWords(link.master!));
  const lines = words.length > 0 ? [set(link, ...words)] : [];
  const rules = portWords(link.port, was?.port);
  if (rules.length > 0) lines.push(commandLine('bridge', link.ns, 'link', 'set', 'dev', link.name, ...rules));
  if (was && link.arp !== undefined && link.arp !== was.arp) lines.push(set(link, 'arp', onOff(link.arp)));
  if (was ? link.up !== was.up : link.up) lines.push(set(link, link.up ? 'up' : 'down'));
  return [...lines, ...ipv6Lines(link, was ? was.ipv6 : bornIpv6(link))];
}

function ipv6Lines({ ns, name, ipv6 = {} }: Link, was: Link['ipv6'] = {}): string[] {
  const write = (setting: string, value: boolean | undefined, old: boolean | undefined) =>
    value === undefined || value === old
      ? []
      : [commandLine('sysctl', ns, '-qw', `net/ipv6/conf/${name}/${setting}=${Number(value)}`)];
  return [
    ...write('disable_ipv6', ipv6.disabled, was.disabled),
    ...write('accept_ra', ipv6.acceptRa, was.acceptRa),
  ];
}

const masterWords = (master: string): Words => (master === '' ? ['nomaster'] : ['master', master]);

const PORT_WORDS: { readonly [F in keyof Omit<BridgePort, 'forwarding'>]: string } = {
  learning: 'learning',
  unicastFlood: 'flood',
  multicastFlood: 'mcast_flood',
  broadcastFlood: 'bcast_flood',
  hairpin: 'hairpin',
  neighSuppress: 'neigh_suppress',
  isolated: 'isolated',
  locked: 'locked',
};

function portWords(port: Partial<BridgePort> | undefined, was: Partial<BridgePort> | undefined): Words {
  if (!port) return [];
  const words: Words = (Object.keys(PORT_WORDS) as (keyof typeof PORT_WORDS)[])
    .filter((flag) => port[flag] !== undefined && port[flag] !== was?.[flag])
    .flatMap((flag) => [PORT_WORDS[flag], onOff(port[flag]!)]);
  // A new port is made forwarding by the bridge.
  if (was && port.forwarding !== undefined && port.forwarding !== was.forwarding)
    words.push('state', port.forwarding ? 3 : 0);
  return words;
}
