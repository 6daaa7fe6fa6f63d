import type { Fdb, NamespaceName, Neighbour } from '#model/kernel-state.ts';
import { BRIDGE_NAME, GATEWAY_DEVICES, isTunnelName, PROTOCOL } from '#model/own.ts';
import { fdbTable, neighbourTable } from '#model/row-table.ts';
import { openConversation } from '#netlink/conversation.ts';
import { type Message, type ReceivedMessage, RTM } from '#netlink/message.ts';
import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import { decodeLink, encodeDumpLinks, IFF, type Link } from '#netlink/route/link.ts';
import {
  emptyNeighbourRow,
  type NeighbourRow,
  NTF,
  NUD,
  readNeighbourRow,
} from '#netlink/route/neighbour.ts';
import { decodeRoute, RT_TABLE, RTPROT } from '#netlink/route/route.ts';
import { isDefaultRow, keepFdb } from './fdb.ts';
import type { KernelEvent } from './kernel.ts';
import { keepNeighbour } from './neighbour.ts';

const ROW = emptyNeighbourRow();

/** What the kernel's messages say. Of rows it tells each by itself, so that nobody need read a whole table for one. */
export class EventReader {
  /** The devices of overlay namespaces: rows come with their numbers. */
  readonly #devices = new Map<NamespaceName, Map<number, Link>>();

  /** To be called once a namespace is heard; what changes afterwards is heard. */
  learnDevices(ns: NamespaceName, netnsFd: number): void {
    const conversation = openConversation(netnsFd);
    try {
      const links = conversation.dump(encodeDumpLinks(), decodeLink);
      this.#devices.set(ns, new Map(links.map((link) => [link.index, link])));
    } finally {
      conversation.close();
    }
  }

  /** Those of an overlay namespace that is heard. */
  linksOf(ns: NamespaceName): readonly Link[] {
    return [...(this.#devices.get(ns)?.values() ?? [])];
  }

  /** Undefined when nothing that Weft looks at has changed. */
  read(ns: NamespaceName, message: ReceivedMessage): KernelEvent | undefined {
    const { type } = message;
    if (type === RTM.NEWNEIGH || type === RTM.DELNEIGH) return this.#readRow(ns, message);
    if (type === RTM.DELROUTE) return isOfOurs(message) ? { dirty: 'namespace', ns } : undefined;
    if (type === RTM.NEWLINK || type === RTM.DELLINK) return this.#noteDevice(ns, message);
    return { dirty: 'namespace', ns };
  }

  #noteDevice(ns: NamespaceName, message: Message): KernelEvent {
    const devices = this.#devices.get(ns);
    // A bridge tells of its ports in the same words: not what they are, and that one is deleted which only leaves it.
    if (!devices || message.body[0] === AF_BRIDGE) return { dirty: 'namespace', ns };
    const link = decodeLink(message);
    if (message.type === RTM.DELLINK) devices.delete(link.index);
    else devices.set(link.index, link);
    const isRaised = link.kind === 'veth' && link.up && (link.flags & IFF.LOWER_UP) !== 0;
    return { dirty: 'namespace', ns, ...(isRaised && { raised: link.name }) };
  }

  #readRow(ns: NamespaceName, message: ReceivedMessage): KernelEvent | undefined {
    readNeighbourRow(message, ROW);
    const device = this.#devices.get(ns)?.get(ROW.ifindex);
    if (!device) return { dirty: 'namespace', ns };
    const { name = '', mac } = device;
    const isFdb = message.body[0] === AF_BRIDGE;
    // Before Linux 6.13 each write to a device's own FDB is told once more, without where the row leads (rtnl_fdb_notify()
    // in net/core/rtnetlink.c): taken for the row it would be mended, which is told in its turn.
    if (isFdb && ROW.flags & NTF.SELF && !ROW.hasAge) return undefined;
    // The multicast that other devices listen to, and what they find out of neighbours, are the kernel's.
    const isFixed = !isFdb && ROW.state === NUD.PERMANENT && GATEWAY_DEVICES.has(name);
    if (!isTunnelName(name) && !(isFdb && !(ROW.flags & NTF.SELF)) && !isFixed) return undefined;
    const gone = message.type === RTM.DELNEIGH || ROW.macAt < 0;
    if (isFdb && isDefaultRow(ROW)) return { dirty: 'namespace', ns };
    const row = isFdb ? fdbOf(ns, name, ROW) : neighbourOf(ns, name, ROW);
    // A port's own MAC is the kernel's affair; without the bridge's, nobody reaches the gateway.
    const isPortsOwn =
      row?.kind === 'fdb' && row.table === 'master' && row.mac === mac && name !== BRIDGE_NAME;
    if (!row || isPortsOwn) return undefined;
    return { dirty: 'row', row, gone };
  }
}

/** One of those that belong to an address, or one that Weft made. */
const isOfOurs = (message: Message): boolean => {
  const { protocol, table } = decodeRoute(message);
  return (protocol === RTPROT.KERNEL || protocol === PROTOCOL) && table === RT_TABLE.MAIN;
};

function fdbOf(ns: NamespaceName, dev: string, row: NeighbourRow): Fdb | undefined {
  const table = fdbTable();
  keepFdb(table, ns, dev, row);
  return [...table.values()][0];
}

function neighbourOf(ns: NamespaceName, dev: string, row: NeighbourRow): Neighbour | undefined {
  const table = neighbourTable();
  // One that is gone has no MAC any more: any six bytes do, since only its address counts.
  keepNeighbour(table, ns, dev, { ...row, macAt: Math.max(row.macAt, 0) });
  return [...table.values()][0];
}
