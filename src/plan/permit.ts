import { type Family, familyOf } from '#model/ip.ts';
import { HOST_NAMESPACE } from '#model/kernel-state.ts';
import { type ForwardDrop, PERMITS, type Permit, type PermitFamily } from '#model/permit.ts';
import type { Endpoint } from '#model/records.ts';
import { exposures } from './exposed.ts';
import type { NetworkView } from './host-view.ts';
import type { KindRules } from './kind.ts';
import { familiesOf, hasWayOut } from './way-out.ts';

/*
 * Key: namespace, family, chain and name.
 * Equal: packets get to it, and it is there once; its name stands for all else that it says.
 * Ours: by its comment, `weft: …`. Nothing else in those chains is.
 * Before it: the chain, which is others' to make; and our own chains, that drop what it would let pass too much.
 * Gone first: nothing.
 * If we die right here: the next agent finds it by its comment.
 */
export const permitRules: KindRules<Permit> = {
  equal: (_, seen) => !seen.astray,
  isOurs: () => true,
  isDrift: () => true,
  step: ({ verb }) => (verb === 'delete' ? 'stale permit' : 'permit'),
};

/** In which families this host forwards for Weft, by what names of interfaces begin with: ways out, and exposed networks. */
export type Forwarded = Readonly<Record<'wfg' | 'wfh', ReadonlySet<Family>>>;

export const forwarded = (outward: readonly NetworkView[], exposed: readonly Endpoint[]): Forwarded => ({
  wfg: new Set(outward.flatMap(({ network }) => familiesOf(network))),
  wfh: new Set(exposed.flatMap(({ addresses }) => addresses.map(familyOf))),
});

export const NOTHING_FORWARDED: Forwarded = forwarded([], []);

/** What a host forwards that has rules of nftables. */
export const forwardedIn = (networks: readonly NetworkView[]): Forwarded =>
  forwarded(networks.filter(hasWayOut), exposures(networks));

/** One rule for each way, where something drops. */
export const permits = (needs: Forwarded, drops: readonly ForwardDrop[]): Permit[] =>
  drops.flatMap(({ family, into }) =>
    family === 'inet' || !into
      ? []
      : Object.entries(PERMITS).flatMap(([name, { from, to }]): Permit[] =>
          needs[(from ?? to) as keyof Forwarded].has(FAMILY_OF[family])
            ? [{ kind: 'permit', ns: HOST_NAMESPACE, family, chain: into, name }]
            : [],
        ),
  );

export const FAMILY_OF: Readonly<Record<PermitFamily, Family>> = { ip: 4, ip6: 6 };
