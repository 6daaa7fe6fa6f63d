import { HOST_NAMESPACE, type Link, type LinkDetail } from '#model/kernel-state.ts';
import { decodeLink, encodeGetLink, type LinkTarget, type Link as NetlinkLink } from '#netlink/route/link.ts';
import { linkFrom, withDevice } from './link.ts';
import type { Outbox } from './outbox.ts';
import { isPair } from './veth-pair.ts';
import { isAbsent, type Visit } from './visit.ts';

/** The link that has the wished one's name now, if any; a veth's peer is known only if it is the wished one's. */
export function readLink(out: Outbox, wished: Link): Link | undefined {
  const visit = out.visit(wished.ns);
  const row = get(visit, { name: wished.name });
  if (!row) return undefined;
  const master = row.master === undefined ? undefined : get(visit, { index: row.master });
  const rows = new Map(master ? [[master.index, master]] : []);
  return withDevice(
    linkFrom(wished.ns, row, rows, vethDetail(out, visit, row, wished.detail)),
    row,
    (index) => get(out.visit(HOST_NAMESPACE), { index })?.name,
  );
}

function vethDetail(out: Outbox, visit: Visit, port: NetlinkLink, wished: LinkDetail): LinkDetail {
  if (wished.type !== 'veth' || !wished.peer) return { type: 'veth' };
  const container = out.visit(wished.peer.ns);
  const end = get(container, { name: wished.peer.name });
  return { type: 'veth', peer: end && isPair(visit, port, container, end) ? wished.peer : undefined };
}

function get({ conversation }: Visit, target: LinkTarget): NetlinkLink | undefined {
  try {
    return decodeLink(conversation.ask(encodeGetLink(target)));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
