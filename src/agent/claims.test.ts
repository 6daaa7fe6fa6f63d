import { beforeEach, describe, expect, test } from 'vitest';
import type { InterfaceAddress } from '#model/cidr.ts';
import { isRejection } from '#model/fault.ts';
import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';
import { encodeArpReply, encodeArpRequest, encodeNeighbourAdvertisement } from '#packet/encode-frame.ts';
import { readClaim } from './claims.ts';
import { startTwoHosts, type TestAgent, type TestCluster } from './test-cluster.ts';

/** Who has which address behind an adopted bridge, as ARP, neighbour discovery, Docker and the host have it. */

const A = '02:42:ac:12:00:02' as Mac;
const B = '02:42:ac:12:00:03' as Mac;
const SILENT = '02:42:ac:12:00:04' as Mac;
const NOBODY = { mac: '00:00:00:00:00:00', ip: '172.18.0.9' };
const IP = '172.18.0.2' as Ip;

let cluster: TestCluster;
let h1: TestAgent;
let h2: TestAgent;

beforeEach(async () => {
  [cluster, h1, h2] = await startTwoHosts();
  for (const { kernel } of [h1, h2])
    kernel.addHostBridge('br-1', '02:42:00:00:00:01' as Mac, [
      { kind: 'address', ns: '', dev: 'br-1', address: '172.18.0.1/16' as InterfaceAddress },
    ]);
  for (const host of ['h1', 'h2']) {
    const words = { wish: 'adopt-bridge', host, bridge: 'br-1', network: 'shared' } as const;
    const answer = cluster.controller.ask(words, { role: 'operator', name: 'test' });
    if (isRejection(answer)) throw new Error(JSON.stringify(answer.faults));
  }
  await cluster.settle();
  behind([A, B]);
  h1.kernel.watch(() => {});
  h1.kernel.watchClaims((claims) => h1.dispatch({ event: 'claimed', claims }));
  await pass(3);
});

/** What the bridge knows, with what the host itself has found out. */
function behind(macs: readonly Mac[], found: { readonly [mac: string]: readonly string[] } = {}): void {
  const stations = macs.map((mac) => ({ mac, addresses: (found[mac] ?? []) as Ip[] }));
  h1.kernel.setStations('br-1', stations);
  h1.dispatch({ event: 'kernel-changed', changes: [{ dirty: 'namespace', ns: '' }] });
}

/** Until it is asked again, after ten seconds. */
function dockerLists(mac: Mac): void {
  const addresses = new Map([['br-1', new Map([[mac, [IP]]])]]);
  h1.dispatch({ event: 'surveyed', survey: { filters: [], legacy: [], addresses } });
}

/** The controller is heard all the while. */
async function pass(seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left--) {
    cluster.controller.dispatch({ event: 'tick' });
    await cluster.settle(1_000);
  }
}

const says = (mac: Mac, ip: string): void => hears(encodeArpRequest({ mac, ip }, '172.18.0.77'));
const hears = (frame: Uint8Array): void => h1.kernel.claim({ bridge: 'br-1', frame });

/** As another host has it. */
const told = (): { readonly [mac: string]: readonly Ip[] } => {
  const adoptions = [...h2.state.view.adoptions.values()].filter(({ host }) => host === h1.state.host);
  return Object.fromEntries(
    adoptions.flatMap(({ stations }) => stations.map(({ mac, addresses }) => [mac, addresses])),
  );
};

test('what a station says of itself is told, in both families and in answers', async () => {
  says(A, IP);
  hears(encodeNeighbourAdvertisement({ mac: A, ip: 'fd18::2' }));
  hears(encodeArpReply({ mac: B, ip: '172.18.0.3' }, { mac: A, ip: IP }));
  await pass(2);
  expect(told()).toEqual({ [A]: [IP, 'fd18::2'], [B]: ['172.18.0.3'] });
});

describe('a forged word', () => {
  test('takes nothing from who is there, not even after minutes', async () => {
    says(A, IP);
    for (let minute = 0; minute < 8; minute++) {
      says(B, IP);
      says(A, IP);
      says(B, IP);
      await pass(60);
    }
    expect(told()).toEqual({ [A]: [IP], [B]: [] });
  });

  test('nor from whom Docker has it', async () => {
    says(B, IP);
    dockerLists(A);
    behind([A, B]);
    await pass(3);
    says(B, IP);
    await pass(3);
    expect(told()).toEqual({ [A]: [IP], [B]: [] });
  });

  test('nor from the host itself', async () => {
    says(B, '172.18.0.1');
    await pass(2);
    expect(told()).toEqual({ [A]: [], [B]: [] });
  });

  test('of more addresses than one has counts for some', async () => {
    for (let number = 1; number < 250; number++) says(B, `172.18.1.${number}`);
    says(A, IP);
    await pass(2);
    expect(told()[A]).toEqual([IP]);
    expect(told()[B]).toHaveLength(16);
  });
});

test('is another’s when who had it is gone, or has been silent for long', async () => {
  says(A, IP);
  await pass(2);
  behind([B]);
  await pass(12);
  says(B, IP);
  await pass(3);
  expect(told()).toEqual({ [B]: [IP] });
  behind([A, B]);
  await pass(301);
  expect(told()).toEqual({ [A]: [], [B]: [] });
  says(A, IP);
  await pass(2);
  expect(told()).toEqual({ [A]: [IP], [B]: [] });
});

test('what the host has found out counts for what nobody else holds', async () => {
  says(A, IP);
  behind([A, B], { [B]: [IP, '172.18.0.5', '127.0.0.1', 'fe80::5'] });
  await pass(3);
  expect(told()).toEqual({ [A]: [IP], [B]: ['172.18.0.5'] });
});

test('whom Docker lists is told of before anybody has seen him, and counts less than where he is seen', async () => {
  dockerLists(SILENT);
  await pass(3);
  expect(told()).toEqual({ [A]: [], [B]: [], [SILENT]: [IP] });
  h2.kernel.setStations('br-1', [{ mac: SILENT, addresses: [] }]);
  h2.dispatch({ event: 'kernel-changed', changes: [{ dirty: 'namespace', ns: '' }] });
  await pass(3);
  expect(h2.state.stations.values().next().value?.known.get(SILENT)?.generation).toBe(1);
  behind([A, B, SILENT]);
  await pass(3);
  expect(h1.state.stations.values().next().value?.known.get(SILENT)?.generation).toBe(2);
  behind([A, B]);
  await pass(25);
  expect(told()).toEqual({ [A]: [], [B]: [] });
});

test('an agent that starts anew knows what it told', async () => {
  says(A, IP);
  await pass(2);
  h1.restart();
  await pass(3);
  says(B, IP);
  await pass(2);
  expect(told()).toEqual({ [A]: [IP], [B]: [] });
});

test('of a bridge that is not adopted nothing is told', async () => {
  h1.kernel.claim({ bridge: 'br-2', frame: encodeArpRequest({ mac: A, ip: IP }, '172.18.0.77') });
  await pass(2);
  expect(told()).toEqual({ [A]: [], [B]: [] });
});

describe('a frame', () => {
  const good = encodeNeighbourAdvertisement({ mac: A, ip: 'fd18::2' });
  const arp = encodeArpReply({ mac: A, ip: IP }, NOBODY);
  const changed = (frame: Uint8Array, at: number, byte: number) => frame.with(at, byte);

  test('says who has what', () => {
    expect([good, arp].map(readClaim)).toEqual([
      { ip: 'fd18::2', mac: A },
      { ip: IP, mac: A },
    ]);
  });

  test.each([
    ['from another MAC than it speaks of', changed(arp, 11, 9)],
    ['of another MAC than it comes from', changed(arp, 27, 9)],
    ['from a group', changed(changed(arp, 6, 0x03), 22, 0x03)],
    ['that a router forwarded', changed(good, 21, 254)],
    ['with a wrong checksum', changed(good, 57, good[57]! ^ 1)],
    ['cut short', good.slice(0, 80)],
    ['of no known kind of address', changed(arp, 14, 9)],
    ['with nothing in it', new Uint8Array(0)],
  ])('%s says nothing', (_, frame) => {
    expect(readClaim(frame)).toBeUndefined();
  });

  test('of any bytes says nothing, or something that is an address of its sender', () => {
    let seed = 1;
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
      return seed >> 8;
    };
    for (let round = 0; round < 3_000; round++) {
      const frame = (round % 2 ? good : arp).slice(0, 20 + (random() % 80));
      for (let flips = random() % 4; flips >= 0; flips--) frame[random() % frame.length] = random() & 0xff;
      const said = readClaim(frame);
      if (!said) continue;
      const source = [...frame.slice(6, 12)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
      expect(said.mac).toBe(source);
    }
  });
});
