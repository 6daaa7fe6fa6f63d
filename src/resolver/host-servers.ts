import fs from 'node:fs';
import net from 'node:net';

/** systemd-resolved keeps there whom it asks, when /etc/resolv.conf names only itself. */
const FILES = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
/** resolv.conf(5): MAXNS of glibc. */
const MOST_SERVERS = 3;
const KEEP_MS = 1_000;

let known: { readonly servers: readonly string[]; readonly untilMs: number } | undefined;

/**
 * Whom this host asks: what a container without a resolver of its runtime's is told to ask. Not what listens on the
 * host's loopback: from a container that is somebody else.
 */
export function hostServers(nowMs = performance.now()): readonly string[] {
  if (known && nowMs < known.untilMs) return known.servers;
  const servers = FILES.map((file) => serversIn(readOrEmpty(file))).find(({ length }) => length > 0) ?? [];
  known = { servers, untilMs: nowMs + KEEP_MS };
  return servers;
}

/** The servers that a resolv.conf names, without the loopback's. */
export const serversIn = (text: string): string[] =>
  [...text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)]
    .map(([, server]) => server!)
    .filter((server) => net.isIP(server) !== 0 && !/^127\.|^::1$/.test(server))
    .slice(0, MOST_SERVERS);

function readOrEmpty(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
