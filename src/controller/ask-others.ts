import type { Admitted } from '#intent/admitted.ts';
import type { IsBarred } from '#intent/allocate-address.ts';
import { isInUse } from '#intent/own-blocks.ts';
import { cidrContains } from '#model/cidr.ts';
import { fault, isRejection, type Rejection, reject } from '#model/fault.ts';
import type { HostStatus } from '#model/host-status.ts';
import type { Id } from '#model/id.ts';
import type { Block, Revision } from '#model/records.ts';
import type { ControllerEffect, Petition } from './event.ts';
import type { Asking, ControllerState } from './state.ts';

/*
 * A host gives addresses from its blocks without asking anybody. So when an address in its block is to go to another,
 * it is first taken out of the block, and the wish waits until the host has settled at that revision: then whatever
 * it gave before is published, and it gives this address no more.
 */

/** A host that is there settles within a second. */
const ASK_LIMIT_MS = 5_000;

/** A host that follows nobody could not be heard: refused at once, with nothing taken out of its block. */
export function refuseUnheard(state: ControllerState, answer: Admitted | Rejection): Admitted | Rejection {
  if (isRejection(answer) || !answer.askFirst) return answer;
  const following = followingHosts(state);
  const unheard = answer.askFirst.filter((host) => !following.has(host));
  return unheard.length > 0 ? refuse(state, unheard, 'which is not connected') : answer;
}

export const followingHosts = ({ sessions }: ControllerState): Set<Id> =>
  new Set([...sessions.values()].map(({ host }) => host));

/** Nobody is given an address for which a host would have to be asked that cannot be heard, if others are free. */
export function barUnheard(state: ControllerState): IsBarred {
  const following = followingHosts(state);
  const blocksIn = new Map<Id, Block[]>();
  return (network, ip, asker) => {
    let blocks = blocksIn.get(network);
    if (!blocks) {
      blocks = [...state.snapshot.inNetwork(network).blocks.values()].filter(
        (block) => isInUse(block) && !following.has(block.host),
      );
      blocksIn.set(network, blocks);
    }
    return blocks.some(
      ({ host, cidr, except }) => host !== asker && cidrContains(cidr, ip) && !except.includes(ip),
    );
  };
}

/**
 * An address may have been taken out of a block for a wish that then failed: that its owner has heard of it is not
 * certain. Whether the wish waits for that; an owner that is not there keeps it waiting until it is refused.
 */
export function askOwners(
  state: ControllerState,
  petition: Petition,
  answer: Admitted | Rejection,
  nowMs: number,
): boolean {
  if (isRejection(answer) || answer.askFirst || petition.wish.wish !== 'attach-endpoint') return false;
  const endpoint = answer.changes.length > 0 && answer.subject?.kind === 'endpoint' && answer.subject;
  if (!endpoint) return false;
  const { snapshot } = state;
  const owners = [...snapshot.inNetwork(endpoint.network).blocks.values()]
    .filter((block) => block.host !== endpoint.host && isInUse(block))
    .filter(({ except }) => endpoint.addresses.some((ip) => except.includes(ip)))
    .map(({ host }) => host)
    .filter((host) => !petition.asked?.has(host));
  if (owners.length === 0) return false;
  state.asking.push(askingOf(petition, owners, snapshot.revision, nowMs));
  return true;
}

const askingOf = (petition: Petition, hosts: readonly Id[], revision: Revision, sinceMs: number): Asking => ({
  petition: { ...petition, asked: new Set([...(petition.asked ?? []), ...hosts]) },
  revision,
  hosts: new Set(hosts),
  sinceMs,
});

/** The wish under way has its addresses taken out of others' blocks: it waits for them. */
export function askOthers(
  state: ControllerState,
  hosts: readonly Id[],
  revision: Revision,
  nowMs: number,
): ControllerEffect[] {
  const petition = state.underWay?.petition;
  state.underWay = undefined;
  if (petition) state.asking.push(askingOf(petition, hosts, revision, nowMs));
  return [];
}

/** A host has spoken; wishes that waited for it alone are admitted anew. */
export function noteSettled(state: ControllerState, { host, settledRevision }: HostStatus): void {
  for (const { hosts, revision } of state.asking) if (settledRevision >= revision) hosts.delete(host);
  for (const { petition } of take(state, ({ hosts }) => hosts.size === 0)) state.waiting.push(petition);
}

export function giveUpAsking(state: ControllerState, nowMs: number): ControllerEffect[] {
  const late = take(state, ({ sinceMs }) => nowMs - sinceMs > ASK_LIMIT_MS);
  return late.map(({ petition: { request }, hosts }) => ({
    effect: 'answer',
    request,
    answer: refuse(state, [...hosts], 'which does not answer'),
  }));
}

/** Removes and gives those that fit. */
function take({ asking }: ControllerState, fits: (asking: Asking) => boolean): Asking[] {
  const taken = asking.filter(fits);
  asking.splice(0, asking.length, ...asking.filter((each) => !taken.includes(each)));
  return taken;
}

function refuse({ snapshot }: ControllerState, hosts: readonly Id[], why: string): Rejection {
  const names = hosts.map((host) => snapshot.hosts.get(host)?.name ?? host);
  const faults = names.map((name) =>
    fault(
      'host',
      name,
      `owns the block that the address is in, ${why}`,
      'choose an address of no block, or start its agent',
    ),
  );
  return reject('unavailable', ...faults);
}
