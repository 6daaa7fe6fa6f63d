import { exhaustedSubnets } from '#intent/admit-locally.ts';
import type { Chance } from '#intent/admitted.ts';
import { addressFromOwnBlocks } from '#intent/allocate-address.ts';
import { describeEndpoint } from '#intent/find-record.ts';
import { unusable } from '#intent/usable-addresses.ts';
import { cidrContains } from '#model/cidr.ts';
import { fault, isRejection, type Rejection, reject } from '#model/fault.ts';
import { createId, type Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Endpoint } from '#model/records.ts';
import type { AttachEndpoint } from '#model/wish.ts';
import { acquireAhead } from './acquire-ahead.ts';
import { release } from './detach.ts';
import type { AgentEffect, AttachGrant } from './event.ts';
import { hasTried, isGranting, isSettled, isViewWhole, untold } from './granting.ts';
import { heldIn, holdKey, isBarred, isSetAside, readHoldKey } from './held.ts';
import { addToView, alreadyHere, isTakenAway } from './own-word.ts';
import type { AgentState, Hold, Holding } from './state.ts';

/*
 * A runtime asks for an address before it has an endpoint. It is set aside in memory alone: an agent that dies gives it
 * back. From its own blocks the host takes one by itself. When those have nothing, the controller grants an endpoint
 * that is nobody's, and with it a block if there is one; the attach then makes that endpoint its own (door-attach.ts).
 */

const HOLD_MS = 30_000;
/** A runtime waits for the answer. */
const ASK_LIMIT_MS = 8_000;

/** An endpoint has them now. What else came with a grant goes back, unless that is this very endpoint. */
export function useHolds(state: AgentState, { id, network, addresses }: Endpoint): AgentEffect[] {
  return addresses.flatMap((ip) => {
    const hold = state.holds.get(holdKey(network, ip));
    if (hold?.grant?.endpoint.id === id) state.holds.delete(holdKey(network, ip));
    return dropHold(state, network, ip);
  });
}

/** Idempotent. */
export function dropHold(state: AgentState, network: Id, ip: Ip): AgentEffect[] {
  const key = holdKey(network, ip);
  const hold = state.holds.get(key);
  state.holds.delete(key);
  return hold?.grant ? release(state, hold.grant.endpoint) : [];
}

/** Waits its turn (see {@link takeHolds}). */
export function beginHold(state: AgentState, request: number, ask: Holding['ask']): AgentEffect[] {
  state.holding.set(request, { ask, sinceMs: state.nowMs, phase: 'waiting' });
  return [];
}

/** Sets aside what was asked for and can be, in order. */
export function takeHolds(state: AgentState, chance: Chance): AgentEffect[] {
  return [...state.holding].flatMap(([request, holding]) => {
    if (holding.phase !== 'waiting' || isGranting(state)) return [];
    const address = tryHold(state, holding);
    if (address) return [...answerHold(state, request, address), ...acquireAhead(state, holding.ask.network)];
    state.holding.set(request, { ...holding, refusedAt: state.view.revision });
    return askToHold(state, request, holding, chance);
  });
}

function tryHold(state: AgentState, { ask, refusedAt }: Holding): Ip | Rejection | undefined {
  const { view } = state;
  const network = view.networks.get(ask.network);
  const subnet = network?.subnets.find(({ cidr }) => cidr === ask.subnet);
  const host = view.hosts.get(state.host);
  if (!network || !subnet || !host) return absent(ask);
  if (ask.address) return whyNot(state, ask, subnet) ?? ask.address;
  if (refusedAt === view.revision || !isViewWhole(state) || state.handingBack.has(network.id))
    return undefined;
  return addressFromOwnBlocks(subnet, network, host, view, isBarred(state));
}

const absent = ({ network, subnet }: Holding['ask']): Rejection =>
  reject(
    'absent',
    fault(
      'subnet',
      subnet,
      `is of no network ${network} that this host has heard of`,
      'see `weft network ls`',
    ),
  );

/** Asked for by name: as far as this host can tell. The rest is told when it is attached. */
function whyNot(
  state: AgentState,
  { network, address }: Holding['ask'],
  subnet: Parameters<typeof unusable>[0],
): Rejection | undefined {
  const ip = address!;
  const fix = 'choose another one, or leave it out';
  const wrong = cidrContains(subnet.cidr, ip) ? unusable(subnet, ip) : `is outside the subnet ${subnet.cidr}`;
  if (wrong) return reject('invalid', fault('ip', ip, wrong, fix));
  const { endpointByIp, endpoints } = state.view.inNetwork(network);
  const holder = endpointByIp.get(ip);
  const taken = holder && `is taken by ${describeEndpoint(state.view, endpoints.get(holder)!)}`;
  const problem = taken ?? (isSetAside(state, network, ip) && 'is set aside for another container');
  return problem ? reject('conflict', fault('ip', ip, problem, fix)) : undefined;
}

/** One at a time, when the controller knows all that this host gave; and no more before what it granted is heard of. */
function askToHold(state: AgentState, request: number, holding: Holding, chance: Chance): AgentEffect[] {
  const { session, view, host } = state;
  const { network, subnet } = holding.ask;
  if (!hasTried(state)) return [];
  if (!session.connected) return answerHold(state, request, untold(state, network));
  if (!isSettled(state) || view.revision < state.heldRevision) return [];
  state.holding.set(request, { ...holding, phase: 'granting' });
  const containerId = `hold-${createId(chance.now, chance.entropy)}`;
  const words = { network, host, runtime: 'netns', containerId, aliases: [], addresses: [] };
  const wish: AttachEndpoint = { wish: 'attach-endpoint', ...words, held: heldIn(state, network) };
  const exhausted = exhaustedSubnets(wish, host, view, isBarred(state));
  return [
    {
      effect: 'ask-hold',
      request,
      wish: { ...wish, newBlockIn: exhausted.filter((cidr) => cidr === subnet) },
    },
  ];
}

/** Granted, be it to a request that was given up, or not. */
export function endHoldGrant(
  state: AgentState,
  request: number,
  grant: AttachGrant | Rejection,
): AgentEffect[] {
  const holding = state.holding.get(request);
  if (isRejection(grant)) {
    // Out of reach: it may have been granted all the same.
    if (grant.reason === 'unavailable') state.orphansPossible = true;
    return holding ? answerHold(state, request, grant) : [];
  }
  const { endpoint, revision } = grant;
  const address = holding && endpoint.addresses.find((ip) => cidrContains(holding.ask.subnet, ip));
  if (!address) return release(state, endpoint);
  if (alreadyHere(state, endpoint))
    return [...answerHold(state, request, takenAway(address)), ...release(state, endpoint)];
  if (isTakenAway(state, endpoint.id, revision)) return answerHold(state, request, takenAway(address));
  state.heldRevision = revision;
  addToView(state, endpoint);
  return answerHold(state, request, address, { endpoint, revision });
}

const takenAway = (address: Ip): Rejection =>
  reject('unavailable', fault('ip', address, 'was taken away again by the controller', 'ask for one again'));

function answerHold(
  state: AgentState,
  request: number,
  outcome: Ip | Rejection,
  grant?: Hold['grant'],
): AgentEffect[] {
  const { network } = state.holding.get(request)!.ask;
  state.holding.delete(request);
  if (isRejection(outcome)) return [{ effect: 'answer', request, answer: outcome }];
  state.holds.set(holdKey(network, outcome), { untilMs: state.nowMs + HOLD_MS, grant });
  return [{ effect: 'answer', request, answer: { answer: 'held', address: outcome } }];
}

/** Time has passed: what nobody came for is free again, and who waited for too long is told so. */
export function endHolds(state: AgentState): AgentEffect[] {
  const { holds, holding, nowMs } = state;
  const late = [...holding].filter(([, { sinceMs }]) => nowMs - sinceMs > ASK_LIMIT_MS);
  if (late.some(([, { phase }]) => phase === 'granting')) state.orphansPossible = true;
  const past = [...holds].filter(([, { untilMs }]) => untilMs <= nowMs).map(([key]) => readHoldKey(key));
  return [
    ...past.flatMap(([network, ip]) => dropHold(state, network, ip)),
    ...late.flatMap(([request, { ask }]) => answerHold(state, request, tooLate(ask))),
  ];
}

const tooLate = ({ subnet }: Holding['ask']): Rejection =>
  reject(
    'unavailable',
    fault('subnet', subnet, 'gave no address in time', 'look at `weft status` and try again'),
  );
