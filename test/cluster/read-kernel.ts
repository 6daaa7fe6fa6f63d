import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What is told of a link, an address, a route, a neighbour, an FDB row: all that matters to a frame. */
const FIELDS = [
  ...['ifname', 'flags', 'mtu', 'address', 'master', 'inet6_addr_gen_mode', 'linkinfo', 'info_kind'],
  ...['info_data', 'stp_state', 'mcast_snooping', 'id', 'local', 'port', 'ttl', 'learning', 'proxy'],
  ...['l2miss', 'l3miss', 'info_slave_data', 'state', 'hairpin', 'flood', 'mcast_flood', 'bcast_flood'],
  ...[
    'neigh_suppress',
    'isolated',
    'locked',
    'addr_info',
    'family',
    'valid_life_time',
    'prefixlen',
    'nodad',
    'dst',
    'dev',
  ],
  ...['protocol', 'scope', 'metric', 'type', 'gateway', 'prefsrc', 'lladdr', 'mac', 'vni'],
];

const CARRIER = ['LOWER_UP', 'NO-CARRIER'];
const SYSCTLS = 'disable_ipv6 addr_gen_mode accept_ra';

/**
 * A network's namespace and the part of a container that is the network's, as lines that are equal when nothing
 * differs. Of a namespace that is gone there are none.
 */
export async function readKernel(overlay: string, container: string, dev: string): Promise<string> {
  const [net, end] = await Promise.all([
    readNamespace(
      overlay,
      ['ip -d -j addr', 'bridge -j fdb', 'ip -j neigh show nud permanent'],
      'br0 vxlan0 p*',
      ({ ifname }) => ifname !== 'lo',
    ),
    readNamespace(
      container,
      [
        `ip -d -j addr show dev ${dev}`,
        ...[4, 6].map((family) => `ip -${family} -j route show table all dev ${dev}`),
      ],
      dev,
      () => true,
    ),
  ]);
  return [...net, ...end].join('\n');
}

/** Ports are numbered in the order in which they joined. */
function withoutPortNumber(row: Row): Row {
  const { info_slave_data: slave, ...linkinfo } = row.linkinfo ?? {};
  return slave ? { ...row, linkinfo: { ...linkinfo, info_slave_data: { ...slave, id: undefined } } } : row;
}

interface Row {
  readonly ifname?: string;
  readonly address?: string;
  readonly mac?: string;
  readonly state?: string;
  readonly flags?: readonly string[];
  readonly linkinfo?: {
    readonly info_data?: { readonly learning?: boolean };
    readonly info_slave_data?: object;
  };
}

async function readNamespace(
  namespace: string,
  witnesses: readonly string[],
  devices: string,
  concerns: (row: Row) => boolean,
): Promise<string[]> {
  // `all` and `default` are no devices: what they say to those to come is said again by whoever makes one.
  const sysctls = `cd /proc/sys/net/ipv6/conf; for d in ${devices}; do cd $d; echo $d $(cat ${SYSCTLS}); cd ..; done`;
  const script = [...witnesses.map((line) => `${line}; echo`), sysctls].join('\n');
  try {
    const { stdout } = await run('nsenter', [`--net=/run/netns/${namespace}`, 'sh', '-c', script]);
    return tidy(stdout, concerns);
  } catch {
    return [];
  }
}

/**
 * MACs that the kernel chose (all but the bridge's) change when a device is made anew, learned rows with the traffic, and carrier comes a
 * little later: no damage.
 */
function tidy(stdout: string, concerns: (row: Row) => boolean): string[] {
  const lines = stdout.split('\n').filter((line) => line.trim() !== '');
  const [links = [], ...tables]: Row[][] = lines.flatMap((line) =>
    line.startsWith('[') ? [JSON.parse(line)] : [],
  );
  const chosen = new Set(links.flatMap(({ ifname, address }) => (ifname === 'br0' ? [] : [address])));
  const learns = links.some(({ linkinfo }) => linkinfo?.info_data?.learning);
  const isLasting = ({ mac, state }: Row): boolean =>
    mac === undefined ||
    (state !== undefined && !(learns && state === '') && !chosen.has(mac) && !/^(33:33|01:00:5e)/.test(mac));
  const isWeft = links.some(({ ifname }) => ifname === 'br0');
  const fields = FIELDS.filter((field) => field !== 'address' || !isWeft);
  const rows = [...links, ...tables.flat()]
    .filter((row) => concerns(row) && isLasting(row))
    .map(withoutPortNumber)
    .map((row) => ({ ...row, flags: row.flags?.filter((flag) => !CARRIER.includes(flag)) }));
  return [
    ...rows.map((row) => JSON.stringify(row, fields)),
    ...lines.filter((line) => !line.startsWith('[')),
  ].sort();
}
