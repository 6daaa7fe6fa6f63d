import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Ip } from '#model/ip.ts';
import type { Publication, Transport } from '#model/records.ts';
import { addressBytes } from '#model/words.ts';

/**
 * UDP ports of this network namespace that programs hold, in order. The kernel's own VXLAN sockets, Weft's among them,
 * have no program: those are left out.
 */
export async function takenUdpPorts(): Promise<number[]> {
  const sockets = [...readTable('udp'), ...readTable('udp6')];
  const held = await holdersOf(new Set(sockets.map(({ inode }) => inode)));
  const ports = sockets.filter(({ inode }) => held.has(inode)).map(({ port }) => port);
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** A port of this host, at one of its addresses or at all. */
export type HostPort = Pick<Publication, 'protocol' | 'hostPort' | 'hostAddress'>;

/**
 * Of each, the program of this network namespace that takes what comes for it, there or at any address, as
 * `nginx (pid 4711)`; undefined when none does.
 */
export async function portHolders(ports: readonly HostPort[]): Promise<(string | undefined)[]> {
  const wanted = new Set(ports.map(({ hostPort }) => hostPort));
  const taking = (protocol: Transport) =>
    [...readTable(protocol), ...readTable(`${protocol}6`)].filter(
      ({ port, state }) => wanted.has(port) && state === FROM_ANYBODY[protocol],
    );
  const sockets = { tcp: taking('tcp'), udp: taking('udp') };
  const meant = ports.map(({ protocol, hostPort, hostAddress }) =>
    sockets[protocol].filter(
      ({ port, address }) =>
        port === hostPort && (hostAddress === undefined ? address !== LOOPBACK : isFor(hostAddress, address)),
    ),
  );
  const holders = await holdersOf(new Set(meant.flat().map(({ inode }) => inode)));
  return meant.map((found) => {
    const pid = found.map(({ inode }) => holders.get(inode)).find((each) => each !== undefined);
    return pid === undefined ? found[0] && 'another program' : nameOf(pid);
  });
}

function nameOf(pid: string): string {
  try {
    return `${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (pid ${pid})`;
  } catch {
    // It has ended meanwhile.
    return `pid ${pid}`;
  }
}

/** TCP_LISTEN and TCP_CLOSE, net/tcp_states.h: a UDP socket that is connected takes nothing but its peer's. */
const FROM_ANYBODY: Readonly<Record<Transport, string>> = { tcp: '0A', udp: '07' };

/** ::ffff:0:0/96 of RFC 4291, 2.5.5.2: IPv4 of a socket that is made for IPv6, as Java's are. */
const MAPPED = '0000000000000000FFFF0000';

/** Whether a socket that is bound so takes what comes for that address. One of IPv6's may be for IPv4, too; never back. */
function isFor(ip: Ip, bound: string): boolean {
  const hex = hexOf(ip);
  if (/^0+$/.test(bound)) return bound.length >= hex.length;
  return bound === hex || bound === MAPPED + hex;
}

/** As /proc has it: words of four bytes, each the other way round. */
function hexOf(address: Ip): string {
  const bytes = Buffer.from(addressBytes(address));
  return bytes.swap32().toString('hex').toUpperCase();
}

/** ::1, where nothing is published (see plan/way-out-rules.ts). */
const LOOPBACK = hexOf('::1' as Ip);

interface Socket {
  readonly address: string;
  readonly port: number;
  readonly state: string;
  readonly inode: string;
}

/** `sl local_address rem_address st … inode …`; the address is hexadecimal `ADDRESS:PORT`. No IPv6, no udp6. */
function readTable(name: 'udp' | 'udp6' | 'tcp' | 'tcp6'): Socket[] {
  let text: string;
  try {
    // Of this thread: `/proc/net` is that of the process's first one.
    text = readFileSync(`/proc/thread-self/net/${name}`, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const rows = text.trim().split('\n').slice(1);
  return rows.map((row) => {
    const columns = row.trim().split(/\s+/);
    const [address, port] = columns[1]!.split(':') as [string, string];
    return { address, port: Number.parseInt(port, 16), state: columns[3]!, inode: columns[9]! };
  });
}

/** Which process has each of these sockets open: `/proc/PID/fd/N → socket:[INODE]`. */
async function holdersOf(wanted: ReadonlySet<string>): Promise<Map<string, string>> {
  const held = new Map<string, string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (held.size === wanted.size) break;
    for (const inode of socketsOf(pid)) if (wanted.has(inode)) held.set(inode, pid);
    await nextTurn();
  }
  return held;
}

function socketsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => socketInode(`/proc/${pid}/fd/${fd}`));
  } catch {
    // It has ended meanwhile, or is not ours to look into.
    return [];
  }
}

function socketInode(path: string): string[] {
  try {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(path)) ?? [];
    return inode === undefined ? [] : [inode];
  } catch {
    return [];
  }
}
