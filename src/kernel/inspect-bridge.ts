import { type Fault, fault, type Rejection, reject } from '#model/fault.ts';
import type { Mac } from '#model/mac.ts';
import { isOwnHostLink } from '#model/own.ts';
import { openConversation } from '#netlink/conversation.ts';
import { decodeLink, encodeDumpLinks, type Link } from '#netlink/route/link.ts';

const MAKE_ONE =
  'this host has none: make one with `ip link add NAME type bridge`, or with `docker network create`';

/** A bridge of the host's own namespace that is there to be adopted: its MAC, or why it cannot be. */
export function inspectBridge(name: string): Mac | Rejection {
  const conversation = openConversation();
  try {
    return findBridge(conversation.dump(encodeDumpLinks(), decodeLink), name);
  } finally {
    conversation.close();
  }
}

/** Among all links of a namespace. */
export function findBridge(
  links: readonly Pick<Link, 'name' | 'kind' | 'group' | 'mac'>[],
  name: string,
): Mac | Rejection {
  const link = links.find((each) => each.name === name);
  const bridges = links.flatMap((each) => (each.kind === 'bridge' ? [each.name ?? ''] : []));
  const hint = bridges.length > 0 ? `bridges here: ${bridges.join(', ')}` : MAKE_ONE;
  const refuse = (problem: string): Fault => fault('bridge', name, problem, hint);
  if (!link) return reject('absent', refuse('is no interface of this host'));
  if (isOwnHostLink({ name, group: link.group })) return reject('invalid', refuse('is Weft’s own'));
  if (link.kind !== 'bridge')
    return reject('invalid', refuse(`is not a bridge but ${describeKind(link.kind)}`));
  return link.mac as Mac;
}

/** Physical ones have no kind. */
const describeKind = (kind: string | undefined): string =>
  kind === undefined ? 'a plain interface' : `an interface of kind ${kind}`;
