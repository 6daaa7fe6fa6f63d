import type { BridgeFacts } from '#model/bridge-facts.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';
import { type Adoption, MAX_STATIONS, type Station } from '#model/records.ts';
import { otherGeneration } from '#plan/stations.ts';
import type { AgentEffect } from './event.ts';
import { addressesByMac, assign, claim, forgetHolders, type Holders } from './holders.ts';
import { ownAdoptions } from './scope.ts';
import type { AgentState } from './state.ts';

/*
 * Who is behind an adopted bridge is the kernel's knowledge: it learns MACs from traffic and forgets them. What it
 * knows is published, so that others send to this host alone. So is whom Docker lists there, though he never says a
 * word: two engines may have given out the same. Whom nobody knows is reached all the same, by frames to every host:
 * nothing here is needed for that.
 */

/**
 * One who is not seen any more is told of for so long. Has he moved, his new host's generation counts already; do two
 * hosts have the same MAC, their bridges see it change sides all the time, and both are told of, not every change.
 */
const LOSS_DELAY_MS = 10_000;
/** What is told costs every host of the network a look. */
const PUBLISH_INTERVAL_MS = 1_000;
/** Of one whom nobody has seen: wherever he is, it counts more. */
const UNSEEN = 0;

export interface KnownStations {
  readonly known: Map<Mac, KnownStation>;
  readonly holders: Holders;
  /** By Docker. */
  listed: ReadonlyMap<Mac, readonly Ip[]>;
  lastLookMs: number;
  publishing: boolean;
  lastPublishMs: number;
}

interface KnownStation {
  readonly generation: number;
  /** When its generation was chosen, and when it was seen last. */
  readonly sinceMs: number;
  readonly seenMs: number;
}

/** Takes what a look saw behind the adopted bridges. */
export function noteStations(state: AgentState, bridges: ReadonlyMap<string, BridgeFacts>): void {
  state.bridges = bridges;
  const adoptions = ownAdoptions(state);
  const wanted = new Set(adoptions.map(({ id }) => id));
  for (const id of state.stations.keys()) if (!wanted.has(id)) state.stations.delete(id);
  for (const adoption of adoptions) {
    const stations = stationsOf(state, adoption);
    const bridge = bridges.get(adoption.bridge);
    if (bridge) noteBehind(state, adoption, stations, bridge);
    else forgetAll(stations);
    stations.lastLookMs = state.nowMs;
  }
}

function noteBehind(
  state: AgentState,
  adoption: Adoption,
  stations: KnownStations,
  bridge: BridgeFacts,
): void {
  const { holders } = stations;
  stations.listed = state.survey?.addresses.get(adoption.bridge) ?? new Map();
  for (const [mac, addresses] of stations.listed) {
    for (const ip of addresses) assign(holders, ip, mac, state.nowMs);
    noteListed(stations, mac, state.nowMs);
  }
  for (const { mac, addresses } of bridge.stations) {
    noteSeen(state, adoption, stations, mac);
    // The host's neighbour table may be old: it does not keep an address with somebody.
    for (const ip of addresses) if (!holders.has(ip)) claim(holders, ip, mac, state.nowMs);
  }
}

/** With the bridge all who were behind it are gone: nobody has moved, and nobody can be reached there. */
function forgetAll(stations: KnownStations): void {
  stations.known.clear();
  stations.holders.clear();
  stations.listed = new Map();
}

/** What an earlier process told of counts as just seen. */
function stationsOf({ stations, nowMs }: AgentState, { id, stations: told }: Adoption): KnownStations {
  const there = stations.get(id);
  if (there) return there;
  const known = told.map(
    ({ mac, generation }) => [mac, { generation, sinceMs: nowMs, seenMs: nowMs }] as const,
  );
  const made: KnownStations = {
    known: new Map(known),
    holders: new Map(),
    listed: new Map(),
    lastLookMs: nowMs,
    publishing: false,
    lastPublishMs: -PUBLISH_INTERVAL_MS,
  };
  for (const { mac, addresses } of told) for (const ip of addresses) claim(made.holders, ip, mac, nowMs);
  stations.set(id, made);
  return made;
}

function noteListed({ known }: KnownStations, mac: Mac, nowMs: number): void {
  if (!known.has(mac)) known.set(mac, { generation: UNSEEN, sinceMs: nowMs, seenMs: nowMs });
}

function noteSeen(
  { view, host, nowMs }: AgentState,
  { network }: Adoption,
  { known, lastLookMs }: KnownStations,
  mac: Mac,
): void {
  const before = known.get(mac);
  const others = otherGeneration(view.inNetwork(network), host, mac);
  // Come back from another host, which says so still. Not so often for one that is on both.
  const returned =
    before &&
    others >= before.generation &&
    before.seenMs < lastLookMs &&
    nowMs - before.sinceMs >= LOSS_DELAY_MS;
  const stays = before && before.generation !== UNSEEN && !returned;
  known.set(mac, {
    generation: stays ? before.generation : others + 1,
    sinceMs: stays ? before.sinceMs : nowMs,
    seenMs: nowMs,
  });
}

/** Tells the controller when what is known is not what it has. */
export function publishStations(state: AgentState): AgentEffect[] {
  if (!state.session.connected || !state.confirmed) return [];
  return ownAdoptions(state).flatMap((adoption) => {
    const stations = state.stations.get(adoption.id);
    if (!stations || stations.publishing) return [];
    forgetLost(stations, state.nowMs);
    const told = listOf(stations);
    if (state.nowMs - stations.lastPublishMs < PUBLISH_INTERVAL_MS || isSame(told, adoption.stations))
      return [];
    stations.publishing = true;
    stations.lastPublishMs = state.nowMs;
    return [{ effect: 'publish-stations', adoption: adoption.id, stations: told }];
  });
}

/** Told, or not: what the view says afterwards is compared again. */
export function endPublishStations({ stations }: AgentState, id: Id): AgentEffect[] {
  const told = stations.get(id);
  if (told) told.publishing = false;
  return [];
}

function forgetLost({ known, holders, listed, lastLookMs }: KnownStations, nowMs: number): void {
  for (const [mac, { seenMs }] of known)
    if (seenMs < lastLookMs && nowMs - seenMs >= LOSS_DELAY_MS && !listed.has(mac)) known.delete(mac);
  forgetHolders(holders, (mac) => known.has(mac), LOSS_DELAY_MS, nowMs);
}

function listOf({ known, holders }: KnownStations): Station[] {
  const addresses = addressesByMac(holders);
  return [...known]
    .map(([mac, { generation }]) => ({ mac, addresses: addresses.get(mac) ?? [], generation }))
    .sort((a, b) => (a.mac < b.mac ? -1 : 1))
    .slice(0, MAX_STATIONS);
}

const isSame = (a: readonly Station[], b: readonly Station[]): boolean => textOf(a) === textOf(b);

const textOf = (stations: readonly Station[]): string =>
  stations.map(({ mac, addresses, generation }) => `${mac} ${addresses} ${generation}`).join();
