import { close } from '#netlink/libc.ts';
import { openNamespace } from '#netlink/open-namespace.ts';
import {
  decodeLink,
  encodeDumpLinks,
  encodeGetLink,
  type LinkTarget,
  type Link as NetlinkLink,
} from '#netlink/route/link.ts';
import type { FoundEnd, LostEnd, PortPlace } from './kernel.ts';
import { isPair } from './veth-pair.ts';
import { isAbsent, unlessAbsent, type Visit, Visits } from './visit.ts';

/** See `Kernel.findEnd`. What is at the path may be anything: only a network namespace is gone into. */
export function findEnd({ ns, name }: PortPlace, path: string): FoundEnd | LostEnd | undefined {
  const opened = openNamespace(path);
  if (typeof opened === 'string') return undefined;
  close(opened.fd);
  const { dev, inode, cookie } = opened;
  const namespace = { path, dev, inode, cookie };
  const visits = new Visits({ hostTag: '', containers: [{ namespace, interfaces: [] }] });
  try {
    const sandbox = visits.to(path);
    const overlay = visits.to(ns);
    const port = portAt(overlay, name);
    if (!port) {
      const links = sandbox.conversation.dump(encodeDumpLinks(), decodeLink);
      return { namespace, interfaces: links.map((link) => link.name!) };
    }
    if (port.link === undefined) return undefined;
    const end = linkAt(sandbox, { index: port.link });
    return isPair(overlay, port, sandbox, end)
      ? { namespace, interface: end.name!, isUp: end.up }
      : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  } finally {
    visits.close();
  }
}

function portAt(overlay: Visit, name: string): NetlinkLink | undefined {
  return unlessAbsent(() => linkAt(overlay, { name }));
}

const linkAt = ({ conversation }: Visit, target: LinkTarget): NetlinkLink =>
  decodeLink(conversation.ask(encodeGetLink(target)));
