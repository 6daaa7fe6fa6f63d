import { type Fault, fault, type Rejection, reject } from '#model/fault.ts';
import type { Mac } from '#model/mac.ts';
import { isOwnHostLink } from '#model/own.ts';
import { openConversation } from '#netlink/conversation.ts';
import { decodeLink, encodeDumpLinks } from '#netlink/route/link.ts';

/** A bridge of the host's own namespace that is there to be adopted: its MAC, or why it cannot be. */
export function inspectBridge(name: string): Mac | Rejection {
  const conversation = openConversation();
  try {
    const links = conversation.dump(encodeDumpLinks(), decodeLink);
    const link = links.find((each) => each.name === name);
    const bridges = links.flatMap((each) => (each.kind === 'bridge' ? [each.name ?? ''] : []));
    const hint = bridges.length > 0 ? `bridges here: ${bridges.join(', ')}` : 'this host has no bridge';
    const refuse = (problem: string): Fault => fault('bridge', name, problem, hint);
    if (!link) return reject('absent', refuse('is no interface of this host'));
    if (isOwnHostLink({ name, group: link.group })) return reject('invalid', refuse('is Weft’s own'));
    if (link.kind !== 'bridge')
      return reject('invalid', refuse(`is no bridge but a ${link.kind ?? 'device'}`));
    return link.mac as Mac;
  } finally {
    conversation.close();
  }
}
