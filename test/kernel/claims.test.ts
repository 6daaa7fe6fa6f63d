import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { readClaim } from '#agent/claims.ts';
import { expectEventually, type KernelWorld } from '#kernel/contract-stage.ts';
import type { Claim, KernelEvent } from '#kernel/kernel.ts';
import { openFrameSender } from '#netlink/packet-socket.ts';
import { encodeArpRequest } from '#packet/encode-frame.ts';
import { enterHostNamespace, ip, ipJson, realWorld, UNDERLAY } from './kernel-lab.ts';
import { descriptorsAtRest, openDescriptors } from './netlink-lab.ts';

/** What those behind somebody else's bridge are heard saying of their addresses, at its ports. */

let leave: () => void;
beforeAll(() => {
  leave = enterHostNamespace();
});
afterAll(() => leave());

let world: KernelWorld;
let claims: Claim[];
let events: KernelEvent[];
let stop: () => void;
let containers: string[];
const FIRST = '02:42:ac:12:00:02';
const macOf = (at: number): string => `02:42:ac:12:00:0${at}`;

beforeEach(async () => {
  world = realWorld();
  claims = [];
  ip('link', 'add', 'strange0', 'up', 'type', 'bridge');
  containers = [2, 3].map((at) => plug(at));
  world.kernel.watchClaims((all) => claims.push(...all));
  events = [];
  stop = world.kernel.watch((event) => events.push(event));
  await look(['strange0']);
});
afterEach(async () => {
  stop();
  ip('link', 'del', 'strange0');
  await world.close();
});

const look = (bridges: readonly string[]) =>
  world.kernel.observe({ hostTag: world.hostTag, containers: [], bridges });

function plug(at: number): string {
  const name = world.createContainer().path.slice('/run/netns/'.length);
  const end = ['peer', 'name', 'eth0', 'netns', name, 'address', macOf(at)];
  ip('link', 'add', `v${at}`, 'up', 'master', 'strange0', 'type', 'veth', ...end);
  ip('-n', name, 'link', 'set', 'eth0', 'up');
  ip('-n', name, 'addr', 'add', `172.18.0.${at}/16`, 'dev', 'eth0');
  ip('-n', name, 'addr', 'add', `fd18::${at}/64`, 'dev', 'eth0', 'nodad');
  return name;
}

const ping = (from: string, to: string) => ip('netns', 'exec', from, 'ping', '-c1', '-W2', to);
const said = () =>
  new Set(
    claims.flatMap(({ bridge, frame }) => {
      const claim = readClaim(frame);
      return claim ? `${bridge} ${claim.ip} ${claim.mac}` : [];
    }),
  );

it('who asks and who answers, in both families; and who is plugged in later', async () => {
  for (const to of ['172.18.0.3', 'fd18::3']) ping(containers[0]!, to);
  const both = [2, 3].flatMap((at) => [
    `strange0 172.18.0.${at} ${macOf(at)}`,
    `strange0 fd18::${at} ${macOf(at)}`,
  ]);
  await expectEventually(() => expect([...said()]).toEqual(expect.arrayContaining(both)));
  const late = plug(4);
  await expectEventually(() => {
    ip('-n', late, 'neigh', 'flush', 'all');
    ping(late, '172.18.0.2');
    expect(said()).toContain(`strange0 172.18.0.4 ${macOf(4)}`);
  });
});

it('who was plugged in while events were lost', async () => {
  // More rows at once than the watch's buffer holds.
  ip('link', 'add', 'flooded0', 'type', 'vxlan', 'id', '5', 'dstport', '4789', 'local', UNDERLAY);
  const mac = (n: number) => [16, 8, 0].map((bits) => ((n >> bits) & 255).toString(16)).join(':');
  const flood = Array.from(
    { length: 60_000 },
    (_, n) => `fdb add 2:42:0:${mac(n)} dev flooded0 dst 192.0.2.3 self`,
  );
  execFileSync('bridge', ['-b', '-'], { input: flood.join('\n') });
  const late = plug(4);
  await expectEventually(() => expect(events).toContainEqual({ dirty: 'all' }));
  // As the agent does thereupon.
  await look(['strange0']);
  ping(late, '172.18.0.2');
  await expectEventually(() => expect(said()).toContain(`strange0 172.18.0.4 ${macOf(4)}`));
  ip('link', 'del', 'flooded0');
});

it('of one who floods some, of the others all', async () => {
  const { ifindex } = ipJson('-n', containers[0]!, 'link', 'show', 'eth0')[0];
  const fd = openSync(`/run/netns/${containers[0]}`, 'r');
  const sender = openFrameSender(ifindex, fd);
  closeSync(fd);
  for (let i = 0; i < 20_000; i++)
    sender.send(encodeArpRequest({ mac: FIRST, ip: `172.18.${i >> 8}.${i & 0xff}` }, '172.18.0.9'));
  ping(containers[1]!, '172.18.0.2');
  await expectEventually(() => expect(said()).toContain(`strange0 172.18.0.3 ${macOf(3)}`));
  expect(claims.length).toBeLessThan(150);
  sender.close();
  // Then it is heard again.
  await sleep(1_100);
  claims.length = 0;
  ip('-n', containers[0]!, 'neigh', 'flush', 'all');
  ping(containers[0]!, '172.18.0.3');
  await expectEventually(() => expect(said()).toContain(`strange0 172.18.0.2 ${FIRST}`));
});

it('nothing of a port that has left the bridge, or of a bridge that is let go; and nothing stays open', async () => {
  const open = (await descriptorsAtRest()).length;
  ip('link', 'set', 'v2', 'nomaster');
  await expectEventually(() => expect(openDescriptors().length).toBe(open - 1));
  ip('link', 'del', 'v3');
  await expectEventually(() => expect(openDescriptors().length).toBe(open - 2));
  ip('link', 'set', 'v2', 'master', 'strange0');
  await expectEventually(() => expect(openDescriptors().length).toBe(open - 1));
  await look([]);
  await expectEventually(() => expect(openDescriptors().length).toBeLessThan(open - 1));
});
