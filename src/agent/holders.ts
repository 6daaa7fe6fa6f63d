import { specialMembership } from '#intent/special-range.ts';
import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';

/**
 * Who has which address behind an adopted bridge, as last heard. Docker's word counts before all. What a station says
 * of itself counts where nobody holds the address: who has it keeps it until silent for so long that the kernel forgets
 * a MAC, too. So a forged word takes nothing from anybody who is there.
 */
export type Holders = Map<Ip, Holder>;

interface Holder {
  readonly mac: Mac;
  readonly heardMs: number;
}

/** As long as a bridge remembers a MAC (BR_DEFAULT_AGEING_TIME, net/bridge/br_private.h). */
const FORGET_MS = 300_000;
/** One who makes up addresses gets no further than this; nor do all of them together. */
const MOST_OF_ONE = 16;
const MOST = 16_384;

/** Whoever has had it so far. */
export function assign(holders: Holders, ip: Ip, mac: Mac, nowMs: number): void {
  if (!specialMembership(ip)) holders.set(ip, { mac, heardMs: nowMs });
}

/** Changes nothing for one whom another holds. */
export function claim(holders: Holders, ip: Ip, mac: Mac, nowMs: number): void {
  const holder = holders.get(ip);
  if (holder ? holder.mac === mac : holders.size < MOST && countOf(holders, mac) < MOST_OF_ONE)
    assign(holders, ip, mac, nowMs);
}

/** For a MAC that is not there any more, `lossMs` is enough. */
export function forgetHolders(
  holders: Holders,
  isThere: (mac: Mac) => boolean,
  lossMs: number,
  nowMs: number,
): void {
  for (const [ip, { mac, heardMs }] of holders)
    if (nowMs - heardMs >= (isThere(mac) ? FORGET_MS : lossMs)) holders.delete(ip);
}

/** Each in order. */
export function addressesByMac(holders: Holders): Map<Mac, Ip[]> {
  const addresses = new Map<Mac, Ip[]>();
  for (const ip of [...holders.keys()].sort()) {
    const { mac } = holders.get(ip)!;
    addresses.set(mac, [...(addresses.get(mac) ?? []), ip]);
  }
  return addresses;
}

function countOf(holders: Holders, mac: Mac): number {
  let count = 0;
  for (const holder of holders.values()) if (holder.mac === mac) count++;
  return count;
}
