import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { CapturedFrame } from '#netlink/packet-ring.ts';
import { type CaptureOptions, capture, openFrameSender } from '#netlink/packet-socket.ts';
import { encodeDeleteLink, encodeNewLink, encodeSetLink } from '#netlink/route/link.ts';
import { openFrameBatchSender } from '#netlink/send-frames.ts';
import { openDescriptors, run, type TestNamespace, withNamespaces } from './netlink-lab.ts';

/** "eth0" in the first namespace, wired to "eth0" in the second, both up and silent by themselves. */
function wire(one: TestNamespace, two: TestNamespace, name = 'eth0'): [number, number] {
  one.conversation.request(encodeNewLink({ name, kind: 'veth', peer: { name, netnsFd: two.fd } }));
  for (const { conversation } of [one, two]) {
    conversation.request(encodeSetLink({ name, addrGenMode: 'none' }));
    conversation.request(encodeSetLink({ name, up: true }));
  }
  return [one.link(name).index, two.link(name).index];
}

/** Broadcast, EtherType 0x88b5 (local experiments), numbered. */
function frame(n: number, length = 60): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.fill(0xff, 0, 6);
  bytes.writeUInt16BE(0x88b5, 12);
  bytes.writeUInt32BE(n, 14);
  return bytes;
}

function record(options: CaptureOptions) {
  const frames: CapturedFrame[] = [];
  const errors: string[] = [];
  const capturing = capture(
    options,
    (frame) => frames.push({ ...frame, bytes: Buffer.from(frame.bytes) }),
    (error) => errors.push(error.code),
  );
  return { frames, errors, capturing };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 4000 && !condition(); i++) await sleep(5);
  expect(condition()).toBe(true);
}

describe('capture', () => {
  test('all frames, both directions, whole, in order, with the time they passed', () =>
    withNamespaces(2, async (one, two) => {
      const [near, far] = wire(one, two);
      const { frames, capturing } = record({ ifindex: far, netnsFd: two.fd });
      const [toFar, toNear] = [openFrameSender(near, one.fd), openFrameSender(far, two.fd)];
      try {
        const before = BigInt(Date.now()) * 1_000_000n;
        for (let n = 0; n < 100; n++) toFar.send(frame(n, 60 + n));
        toNear.send(frame(1000));
        await until(() => frames.length >= 101);
        const received = frames.filter(({ outgoing }) => !outgoing);
        expect(received.map(({ bytes }) => bytes)).toEqual(
          Array.from({ length: 100 }, (_, n) => frame(n, 60 + n)),
        );
        expect(frames.filter(({ outgoing }) => outgoing).map(({ bytes }) => bytes)).toEqual([frame(1000)]);
        for (const { timeNs, originalLength, bytes } of frames) {
          expect(timeNs - before).toBeLessThan(1_000_000_000n);
          expect(timeNs - before).toBeGreaterThan(-5_000_000n);
          expect(originalLength).toBe(bytes.length);
        }
        expect(capturing.statistics()).toEqual({ frames: 101, dropped: 0 });
      } finally {
        for (const open of [capturing, capturing, toFar, toNear]) open.close();
      }
    }));

  test('more than a ring holds: what was not read in time is counted', () =>
    withNamespaces(2, async (one, two) => {
      const [near, far] = wire(one, two);
      const { frames, capturing } = record({ ifindex: far, netnsFd: two.fd, ringBytes: 1 << 20 });
      const sender = openFrameSender(near, one.fd);
      try {
        // The event loop has no turn in between: only what fits into the ring can be kept.
        for (let n = 0; n < 3000; n++) sender.send(frame(n, 1400));
        let seen = -1;
        while (seen !== frames.length) {
          seen = frames.length;
          await sleep(50);
        }
        const { frames: passed, dropped } = capturing.statistics();
        expect(passed).toBe(3000);
        expect(dropped).toBeGreaterThan(0);
        expect(frames.length).toBe(3000 - dropped);
        sender.send(frame(7));
        await until(() => frames.length > seen);
        expect(frames.at(-1)!.bytes).toEqual(frame(7));
      } finally {
        capturing.close();
        sender.close();
      }
    }));

  test('few frames over a pause much longer than the latency: none is lost', () =>
    withNamespaces(2, async (one, two) => {
      const [near, far] = wire(one, two);
      const { frames, capturing } = record({ ifindex: far, netnsFd: two.fd });
      const sender = openFrameSender(near, one.fd);
      try {
        // 240 ms in which the event loop has no turn and a block is retired with each frame.
        for (let n = 0; n < 20; n++) {
          sender.send(frame(n));
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 12);
        }
        await until(() => frames.length >= 20);
        expect(capturing.statistics()).toEqual({ frames: 20, dropped: 0 });
      } finally {
        capturing.close();
        sender.close();
      }
    }));

  test('a filter from tcpdump -ddd, and frames cut to a length', () =>
    withNamespaces(2, async (one, two) => {
      const [near, far] = wire(one, two);
      const filter = run('tcpdump', '-y', 'EN10MB', '-ddd', 'ether proto 0x88b5')
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => {
          const [code, jt, jf, k] = line.split(' ').map(Number);
          return { code: code!, jt: jt!, jf: jf!, k: k! };
        });
      const { frames, capturing } = record({ ifindex: far, netnsFd: two.fd, filter, snapLength: 20 });
      const sender = openFrameSender(near, one.fd);
      try {
        const other = frame(1);
        other.writeUInt16BE(0x88b6, 12);
        sender.send(other);
        sender.send(frame(2, 500));
        await until(() => frames.length > 0);
        await sleep(30);
        expect(frames).toMatchObject([{ bytes: frame(2, 500).subarray(0, 20), originalLength: 500 }]);
      } finally {
        capturing.close();
        sender.close();
      }
    }));

  test('an interface that goes down is told, and heard again when it is back; closing within a frame is fine', () =>
    withNamespaces(2, async (one, two) => {
      const [near, far] = wire(one, two);
      const { frames, errors, capturing } = record({ ifindex: far, netnsFd: two.fd });
      const sender = openFrameSender(near, one.fd);
      let closedAt = 0;
      const closing = capture({ ifindex: far, netnsFd: two.fd }, () => {
        closedAt++;
        closing.close();
      });
      try {
        two.conversation.request(encodeSetLink({ name: 'eth0', up: false }));
        await until(() => errors.length > 0);
        two.conversation.request(encodeSetLink({ name: 'eth0', up: true }));
        for (let n = 0; n < 10; n++) sender.send(frame(n));
        await until(() => frames.length === 10 && closedAt > 0);
        expect(errors).toEqual(['ENETDOWN']);
        expect(closedAt).toBe(1);
        one.conversation.request(encodeDeleteLink({ name: 'eth0' }));
        await until(() => errors.length === 2);
      } finally {
        capturing.close();
        closing.close();
        sender.close();
      }
    }));

  test('refusals: no such interface, a filter that is no program, a frame too large', () =>
    withNamespaces(2, (one, two) => {
      const [near] = wire(one, two);
      const nothing = () => {};
      expect(() => capture({ ifindex: 99999, netnsFd: one.fd }, nothing)).toThrow(/ENODEV/);
      expect(() => capture({ ifindex: near, netnsFd: one.fd, filter: [] }, nothing)).toThrow(/EINVAL/);
      expect(() => openFrameSender(99999, one.fd)).toThrow(/ENODEV/);
      const sender = openFrameSender(near, one.fd);
      expect(() => sender.send(frame(1, 9000))).toThrow(/EMSGSIZE/);
      sender.close();
    }));
});

test('more frames than one call takes arrive on each interface that takes them, though the sender is closed at once', () =>
  withNamespaces(2, async (one, two) => {
    const ends = ['eth0', 'eth1', 'eth2'].map((name) => {
      const [, ifindex] = wire(one, two, name);
      return record({ ifindex, netnsFd: two.fd });
    });
    const [first, silent, last] = ends as [(typeof ends)[0], (typeof ends)[0], (typeof ends)[0]];
    one.conversation.request(encodeSetLink({ name: 'eth1', up: false }));
    const sent = Array.from({ length: 600 }, (_, n) => frame(n));
    try {
      const sender = openFrameBatchSender(one.fd);
      // The second is not there, the third is down.
      sender.send(['eth0', 'gone0', 'eth1', 'eth2'], sent);
      sender.close();
      await until(() => [first, last].every(({ frames }) => frames.length === sent.length));
      for (const { frames } of [first, last]) expect(frames.map(({ bytes }) => bytes)).toEqual(sent);
      expect(silent.frames).toEqual([]);
    } finally {
      for (const { capturing } of ends) capturing.close();
    }
  }));

test('hundreds of senders closed at one moment are all closed, and none ends the process', () =>
  withNamespaces(1, async (one) => {
    const before = openDescriptors();
    const senders = Array.from({ length: 300 }, () => openFrameBatchSender(one.fd));
    expect(openDescriptors()).toHaveLength(before.length + 300);
    for (const sender of senders) sender.close();
    for (let i = 0; i < 100 && openDescriptors().length > before.length; i++) await sleep(100);
    expect(openDescriptors()).toHaveLength(before.length);
  }));
