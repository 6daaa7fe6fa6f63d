import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * UDP ports of this network namespace that programs hold, in order. The kernel's own VXLAN sockets, Weft's among them,
 * have no program: those are left out.
 */
export async function takenUdpPorts(): Promise<number[]> {
  const sockets = [...readTable('udp'), ...readTable('udp6')];
  const held = await heldInodes(new Set(sockets.map(({ inode }) => inode)));
  const ports = sockets.filter(({ inode }) => held.has(inode)).map(({ port }) => port);
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** `sl local_address rem_address st … inode …`; the address is hexadecimal `ADDRESS:PORT`. No IPv6, no udp6. */
function readTable(name: 'udp' | 'udp6'): { port: number; inode: string }[] {
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
    return { port: Number.parseInt(columns[1]!.split(':')[1]!, 16), inode: columns[9]! };
  });
}

/** Which of these sockets some process has open: `/proc/PID/fd/N → socket:[INODE]`. */
async function heldInodes(wanted: ReadonlySet<string>): Promise<Set<string>> {
  const held = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (held.size === wanted.size) break;
    for (const inode of socketsOf(pid)) if (wanted.has(inode)) held.add(inode);
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
