import { type Conversation, openConversation } from '#netlink/conversation.ts';
import { orThrow, unshare } from '#netlink/libc.ts';
import { CLONE_NEWNET, comingHome } from '#netlink/namespace.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { encodeNewLink, type LinkRequest } from '#netlink/route/link.ts';

/** A device of each kind that every network needs. */
const NEEDED: Readonly<Record<string, LinkRequest>> = {
  bridge: { name: 'probe0', kind: 'bridge' },
  veth: { name: 'probe1', kind: 'veth', peer: { name: 'probe2' } },
  vxlan: { name: 'probe3', kind: 'vxlan', vxlan: { id: 1, port: 4789 } },
};

/**
 * What this kernel lacks of what Weft needs, found by trying in a namespace that nobody else sees; [] is well. Modules
 * are loaded by the trying. Throws NetlinkError EPERM without the right to make namespaces.
 */
export function missingKernelFeatures(): string[] {
  const conversation = comingHome(() => {
    orThrow('unshare', unshare(CLONE_NEWNET));
    return openConversation();
  });
  try {
    return Object.keys(NEEDED).filter((kind) => !canMake(conversation, NEEDED[kind]!));
  } finally {
    conversation.close();
  }
}

function canMake(conversation: Conversation, device: LinkRequest): boolean {
  try {
    conversation.request(encodeNewLink(device));
    return true;
  } catch (error) {
    if (error instanceof NetlinkError) return false;
    throw error;
  }
}
