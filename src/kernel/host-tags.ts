import { readFileSync } from 'node:fs';
import { HOST_NAMESPACE, type NamespaceName } from '#model/kernel-state.ts';
import { hostTagOf } from '#model/own.ts';
import { decodeLink, encodeDumpLinks } from '#netlink/route/link.ts';
import { overlayNames } from './container-namespace.ts';
import { unlessAbsent, Visits } from './visit.ts';

/**
 * Tags of the hosts whose overlays have their tunnels' sockets in this network namespace: this host's own, and that of
 * one before it that lost its state. Of what else is in /run/netns another host on this machine is the owner.
 */
export function hostTagsHere(): ReadonlySet<string> {
  const visits = new Visits({ hostTag: '', containers: [] });
  try {
    const here = overlayNames().filter((ns) => unlessAbsent(() => isTunnelHere(ns, visits)));
    return new Set(here.map(hostTagOf));
  } finally {
    visits.close();
  }
}

function isTunnelHere(ns: NamespaceName, visits: Visits): boolean {
  const overlay = visits.to(ns);
  const tunnels = overlay.conversation.dump(encodeDumpLinks({ kind: 'vxlan' }), decodeLink);
  // Asked after the dump, by which each namespace gets its number.
  const here = overlay.idOf(visits.to(HOST_NAMESPACE));
  visits.leave(ns);
  return here !== undefined && tunnels.some(({ linkNetnsId }) => linkNetnsId === here);
}

/** SO_ACCEPTCON, which proc(5) shows of a Unix socket that listens. */
const LISTENS = 0x10000;

/** Sockets on which agents listen that run in this network namespace, under whatever `--root`. */
export function agentSocketsHere(): string[] {
  const rows = readFileSync('/proc/thread-self/net/unix', 'utf8').split('\n').slice(1);
  return rows.flatMap((row) => {
    const [, , , flags = '', , , , path = ''] = row.trim().split(/\s+/);
    return Number.parseInt(flags, 16) & LISTENS && path.endsWith('/run/weft/agent.sock') ? [path] : [];
  });
}
