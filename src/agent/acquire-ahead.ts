import { countFree } from '#intent/allocate-address.ts';
import { hasPlenty } from '#intent/allocate-block.ts';
import { ownBlocks, ownedBy } from '#intent/own-blocks.ts';
import { cidrSize } from '#model/cidr.ts';
import type { Id } from '#model/id.ts';
import type { Block, Host, Network, Subnet } from '#model/records.ts';
import type { AgentEffect } from './event.ts';
import { isBarred } from './held.ts';
import type { AgentState } from './state.ts';

/*
 * A host asks for more blocks before it has given the last address of its own: an attach that waits for the controller
 * takes several times as long, and with the controller away there is something left to give.
 */

/** A host keeps that share of what it owns in a subnet to give, and that of a single block, … */
const SHARE = 1 / 4;
const SHARE_OF_ONE = 1 / 2;
/** … but no more than that. */
const ENOUGH = 64;
/** So many are given before what is left is counted again, at most, and when the controller was asked. */
const MOST_BETWEEN = 64;
const AFTER_ASKING = 8;

/** To be called for each address that this host has given by itself. */
export function acquireAhead(state: AgentState, id: Id): AgentEffect[] {
  const { view, session, ahead, handingBack } = state;
  const uncounted = (ahead.get(id) ?? 1) - 1;
  ahead.set(id, uncounted);
  const [network, host] = [view.networks.get(id), view.hosts.get(state.host)];
  if (uncounted > 0 || !network || !host || !session.connected || handingBack.has(id)) return [];
  const records = view.inNetwork(id);
  const own = ownedBy(host, records.blocks);
  const spare = network.subnets.map((subnet) => ({
    subnet,
    count: countSpare(state, network, host, subnet, own),
  }));
  const short = spare.filter(({ count }) => count < 0).map(({ subnet }) => subnet);
  const subnets = short.filter((subnet) => hasPlenty(subnet, records)).map(({ cidr }) => cidr);
  ahead.set(id, short.length > 0 ? AFTER_ASKING : 1 + Math.min(...spare.map(({ count }) => count)));
  if (subnets.length === 0) return [];
  ahead.set(id, Number.POSITIVE_INFINITY);
  const wish = { wish: 'acquire-blocks', network: id, host: state.name, subnets, owned: own.length } as const;
  return [{ effect: 'ask-blocks', wish }];
}

/** How many addresses of a subnet this host can give beyond those that it keeps, at most `MOST_BETWEEN`. */
function countSpare(
  state: AgentState,
  network: Network,
  host: Host,
  subnet: Subnet,
  blocks: readonly Block[],
): number {
  const own = ownBlocks(blocks, subnet, host);
  const size = own.reduce((sum, { cidr }) => sum + Number(cidrSize(cidr)), 0);
  const keeps = Math.min(ENOUGH, size * (own.length > 1 ? SHARE : SHARE_OF_ONE));
  return countFree(subnet, network, host, state.view, isBarred(state), keeps + MOST_BETWEEN) - keeps;
}

/** Given, refused or lost: what came of it is seen when some more were given. */
export function endAcquire({ ahead }: AgentState, network: Id): AgentEffect[] {
  ahead.set(network, AFTER_ASKING);
  return [];
}
