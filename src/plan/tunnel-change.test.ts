import { describe, expect, it } from 'vitest';
import { type KernelState, kernelObjects, kernelStateOf, type Link } from '#model/kernel-state.ts';
import { hostTag } from '#model/own.ts';
import type { Network, StoredRecord, Tunnel, TunnelChange } from '#model/records.ts';
import { renderOp } from '#model/render-kernel.ts';
import { isInPlace, TUNNEL_MODES } from '#model/tunnel-mode.ts';
import type { Vni } from '#model/vni.ts';
import { desired } from './desired.ts';
import { diff } from './diff.ts';
import { needsRebuild } from './link.ts';
import { order } from './order.ts';
import { applyToModel } from './test-kernel.ts';
import { testEndpoint, testFacts, testHost, testId, testNetwork, testView } from './test-world.ts';
import { isSendingTunnel } from './tunnel.ts';

/* What each phase of a change asks of one host's kernel, as command lines. */

const TAG = hostTag(testId('host', 1));
const NS = `weft-${TAG}-100001`;
const BEFORE: Tunnel = { port: 4789, mode: 'proxy', mtu: 1450, ttl: 64 };

const wishedOf = (network: Network): KernelState => {
  const records: StoredRecord[] = [
    ...[testHost(1), testHost(2), network],
    ...[testEndpoint(11, 1, 1), testEndpoint(21, 1, 2)],
  ];
  const view = testView(records);
  return desired(view, testFacts(view));
};

/** The network before, in both phases, and after. */
function phasesOf(from: Tunnel, to: Tunnel): Network[] {
  const at = (tunnel: Tunnel, change?: TunnelChange): Network => ({ ...testNetwork(1), ...tunnel, change });
  return [
    at(from),
    at(from, { phase: 'prepare', other: to, since: 1 }),
    at(to, { phase: 'switch', other: from, since: 2 }),
    at(to),
  ];
}

const opsBetween = (was: KernelState, wished: KernelState) =>
  order(diff(wished, was, { hostTag: TAG })).map(({ op }) => op);

/** By phase what is written to go over to it. */
const scriptsOf = (from: Tunnel, to: Tunnel): string[][] => {
  const states = phasesOf(from, to).map(wishedOf);
  return states.slice(1).map((state, phase) =>
    opsBetween(states[phase]!, state)
      .flatMap(renderOp)
      .map((line) => line.replaceAll(NS, 'NS').replace(/dev p[0-9a-z]{12}/, 'dev PORT')),
  );
};

describe('a change of a running network', () => {
  it('from flood to static writes all rows, then stops learning, and has nothing left to remove', () => {
    const [prepare, change, end] = scriptsOf({ ...BEFORE, mode: 'flood' }, { ...BEFORE, mode: 'static' });
    expect(prepare).toContain('bridge -n NS fdb replace 02:00:01:00:00:15 dev vxlan0 dst 10.99.0.2');
    expect(change).toEqual(['ip -n NS link set dev vxlan0 type vxlan nolearning']);
    expect(end!.every((line) => line.includes('neigh del'))).toBe(true);
  });

  it('across the device flags makes the device anew once, the all-zero rows first', () => {
    const [prepare, change, end] = scriptsOf({ ...BEFORE, mode: 'static' }, BEFORE);
    const isDevice = (line: string) => /link (add|del)/.test(line);
    expect([...prepare!, ...end!].filter(isDevice)).toEqual([]);
    expect(change!.filter(isDevice)).toHaveLength(2);
    expect(change!.find((line) => line.includes(' fdb '))).toContain('00:00:00:00:00:00');
  });

  it('of the UDP port listens before it sends, and sends before the old device goes', () => {
    const [prepare, change, end] = scriptsOf(BEFORE, { ...BEFORE, port: 4790, device: 1 });
    expect(prepare!.find((line) => line.includes('link add'))).toMatch(/vxlan1 .*dstport 4790/);
    expect(prepare!.find((line) => /^bridge.* vxlan1/.test(line))).toMatch(/flood off.*isolated on/);
    expect(change).toEqual([
      expect.stringMatching(/^bridge -n NS link set dev vxlan1 .*\bflood on mcast_flood on bcast_flood on/),
      expect.stringMatching(
        /^bridge -n NS link set dev vxlan0 .*\bflood off mcast_flood off bcast_flood off/,
      ),
    ]);
    expect(end!.filter((line) => !line.includes('nft '))).toEqual([
      expect.stringMatching(/^bridge -n NS link set dev vxlan1 .*isolated off/),
      'ip -n NS link del dev vxlan0',
    ]);
  });

  it.each([
    [1450, 1400],
    [1400, 1450],
  ])('of the MTU from %i to %i never lets a container send more than passes', (from, to) => {
    const states = phasesOf({ ...BEFORE, mtu: from }, { ...BEFORE, mtu: to }).map(wishedOf);
    for (const { link } of states) {
      const mtuOf = (name: RegExp) =>
        [...link.values()].filter((each) => name.test(each.name)).map(({ mtu }) => mtu!);
      expect(Math.max(...mtuOf(/^eth/))).toBeLessThanOrEqual(Math.min(...mtuOf(/^(br|vxlan|p)/)));
    }
  });

  it.each(TUNNEL_MODES.flatMap((from) => TUNNEL_MODES.map((to) => [from, to] as const)))(
    'from %s to %s needs another device exactly when the kernel refuses the change on a live one',
    (from, to) => {
      const [was, is] = [from, to].map(
        (mode) => wishedOf({ ...testNetwork(1), ...BEFORE, mode }).link.get(`${NS} vxlan0`)!,
      );
      expect(needsRebuild(is!, was!)).toBe(!isInPlace(from, to));
    },
  );

  it('by another VNI deletes no device that sends, until another does', () => {
    const half: Tunnel = { ...BEFORE, mode: 'flood', transitVni: 1_048_700 as Vni, device: 1 };
    const end: Tunnel = { ...BEFORE, mode: 'flood' };
    const [, first, second] = phasesOf(BEFORE, half);
    const states = [...[first!, second!], ...phasesOf(half, end).slice(1)].map(wishedOf);
    const steps = states.slice(1).map((state, i) => opsBetween(states[i]!, state));
    const deleted = steps.map((ops) =>
      ops.filter(({ verb, object }) => verb === 'delete' && object.kind === 'link'),
    );
    expect(deleted.map((ops) => ops.map(({ object }) => (object as Link).name))).toEqual([
      [],
      ['vxlan0'],
      [],
      ['vxlan1'],
    ]);
    expect(deleted.flat().filter(({ object }) => isSendingTunnel(object))).toEqual([]);
    expect([...states.at(-1)!.link.keys()]).toContain(`${NS} vxlan0`);
  });

  it.each(TUNNEL_MODES.flatMap((from) => TUNNEL_MODES.map((to) => [from, to] as const)))(
    'from %s to %s comes to the same as a network made so, whichever phase a host misses',
    (from, to) => {
      const states = phasesOf({ ...BEFORE, mode: from }, { ...BEFORE, port: 4790, mode: to, device: 1 }).map(
        wishedOf,
      );
      for (const missed of [[], [1], [2], [1, 2]]) {
        let there = kernelStateOf(kernelObjects(states[0]!)) as KernelState;
        for (const [phase, wished] of states.entries())
          if (!missed.includes(phase)) there = applyToModel(there, opsBetween(there, wished));
        expect(opsBetween(there, states[3]!)).toEqual([]);
      }
    },
  );
});
