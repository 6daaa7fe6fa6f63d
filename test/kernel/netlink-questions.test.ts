import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { subscribe } from '#netlink/events.ts';
import { openFrameSocket, type ReceivedFrame } from '#netlink/frame-socket.ts';
import { openFrameSender } from '#netlink/packet-socket.ts';
import { addressWords, missedMacs, questionsNotFrom } from '#netlink/question-filter.ts';
import { encodeNewLink, encodeSetLink } from '#netlink/route/link.ts';
import { decodeNeighbour } from '#netlink/route/neighbour.ts';
import {
  encodeArpReply,
  encodeArpRequest,
  encodeGratuitousArp,
  encodeIcmpEcho,
} from '#packet/encode-frame.ts';
import { type TestNamespace, withNamespaces } from './netlink-lab.ts';

const ASKER = { mac: '02:00:00:00:00:01', ip: '10.1.0.1' };
const OTHER = { mac: '02:00:00:00:00:02', ip: '10.1.0.2' };

/** A neighbour solicitation as Linux sends it: to the solicited-node group, with the asker's MAC. */
const SOLICITATION = Buffer.from(
  '3333ff000002' +
    '020000000001' +
    '86dd' + // Ethernet
    '6000000000203aff' +
    'fd010000000000000000000000000001' +
    'ff0200000000000000000001ff000002' +
    '87000000' +
    '00000000' +
    'fd010000000000000000000000000002' +
    '0101020000000001',
  'hex',
);

/** `portN` in the first namespace, wired to `cN` in the second. */
function wire(one: TestNamespace, two: TestNamespace, number: number) {
  const [port, end] = [`port${number}`, `c${number}`];
  one.conversation.request(encodeNewLink({ name: port, kind: 'veth', peer: { name: end, netnsFd: two.fd } }));
  for (const [{ conversation }, name] of [
    [one, port],
    [two, end],
  ] as const) {
    conversation.request(encodeSetLink({ name, addrGenMode: 'none' }));
    conversation.request(encodeSetLink({ name, up: true }));
  }
  return { port: one.link(port).index, sender: openFrameSender(two.link(end).index, two.fd) };
}

async function settled(frames: readonly unknown[]): Promise<void> {
  for (let before = -1; before !== frames.length; await sleep(150)) before = frames.length;
}

test('hears questions of containers, each by its port, and answers there', () =>
  withNamespaces(2, async (one, two) => {
    const [a, b] = [wire(one, two, 0), wire(one, two, 1)];
    const heard: ReceivedFrame[] = [];
    const socket = openFrameSocket(one.fd, questionsNotFrom([]), (frames) => heard.push(...frames));
    const echo = { id: 1, sequence: 1, data: new Uint8Array(56) };
    try {
      for (const frame of [
        encodeArpReply(ASKER, OTHER),
        encodeIcmpEcho('request', ASKER, OTHER, echo),
        encodeIcmpEcho('request', { ...ASKER, ip: 'fd01::1' }, { ...OTHER, ip: 'fd01::2' }, echo),
      ])
        a.sender.send(frame);
      const questions = [encodeArpRequest(ASKER, OTHER.ip), encodeGratuitousArp(OTHER), SOLICITATION];
      for (const frame of questions) a.sender.send(frame);
      b.sender.send(questions[0]!);
      await settled(heard);
      expect(heard.map(({ ifindex, bytes }) => [ifindex, Buffer.from(bytes).toString('hex')])).toEqual([
        ...questions.map((bytes) => [a.port, Buffer.from(bytes).toString('hex')]),
        [b.port, Buffer.from(questions[0]!).toString('hex')],
      ]);

      heard.length = 0;
      socket.filter(questionsNotFrom([a.port]));
      for (const { sender } of [a, b]) sender.send(questions[0]!);
      await settled(heard);
      expect(heard.map(({ ifindex }) => ifindex)).toEqual([b.port]);

      heard.length = 0;
      const asked: ReceivedFrame[] = [];
      const container = openFrameSocket(two.fd, questionsNotFrom([]), (frames) => asked.push(...frames));
      socket.send(a.port, questions[0]!);
      await settled(asked);
      container.close();
      expect(asked.map(({ ifindex }) => ifindex)).toEqual([two.link('c0').index]);
      expect(heard).toEqual([]);
      expect(() => socket.send(99, questions[0]!)).toThrow(/ENXIO/);
    } finally {
      for (const open of [socket, socket, a.sender, b.sender]) open.close();
      await sleep(100);
    }
  }));

/** With an 802.1Q tag behind its MACs. */
const tagged = (frame: Uint8Array, control: number): Uint8Array =>
  Buffer.concat([frame.subarray(0, 12), Buffer.of(0x81, 0, control >> 8, control & 255), frame.subarray(12)]);

test.each([
  ['questions', questionsNotFrom([])],
  ['address words', addressWords],
])('what is said in a VLAN is none of the %s; a tag of a priority alone is no VLAN', (_, program) =>
  withNamespaces(2, async (one, two) => {
    const { port, sender } = wire(one, two, 0);
    const heard: ReceivedFrame[] = [];
    const socket = openFrameSocket(one.fd, program, (frames) => heard.push(...frames), port);
    try {
      for (const frame of [encodeArpRequest(ASKER, OTHER.ip), SOLICITATION])
        for (const control of [20, 0xe000 | 20, 0xe000, 0]) sender.send(tagged(frame, control));
      await settled(heard);
      expect(heard.map(({ bytes }) => bytes.length)).toEqual([42, 42, 86, 86]);
    } finally {
      for (const open of [socket, sender]) open.close();
      await sleep(100);
    }
  }),
);

test('a flood costs no more than what is read; an interface that is deleted silences only itself', () =>
  withNamespaces(2, async (one, two) => {
    const [a, b] = [wire(one, two, 0), wire(one, two, 1)];
    const heard: ReceivedFrame[] = [];
    const socket = openFrameSocket(one.fd, questionsNotFrom([]), (frames) => heard.push(...frames));
    try {
      const question = encodeArpRequest(ASKER, OTHER.ip);
      for (let i = 0; i < 5000; i++) a.sender.send(question);
      await settled(heard);
      expect(heard.length).toBeGreaterThan(10);
      expect(heard.length).toBeLessThan(1000);
      a.sender.close();
      one.ip('link', 'del', 'port0');
      heard.length = 0;
      b.sender.send(question);
      await settled(heard);
      expect(heard.map(({ ifindex }) => ifindex)).toEqual([b.port]);
    } finally {
      for (const open of [socket, b.sender]) open.close();
      await sleep(100);
    }
  }));

test('of rtnetlink only the MACs that a VXLAN device misses', () =>
  withNamespaces(1, async (one) => {
    const macs: (string | undefined)[] = [];
    const subscription = subscribe({ groups: ['LINK', 'NEIGH'], netnsFd: one.fd }, (event) => {
      if (event.kind === 'message') macs.push(decodeNeighbour(event.message).mac);
    });
    try {
      subscription.filter(missedMacs);
      one.ip(
        'link',
        'add',
        'vxlan0',
        'type',
        'vxlan',
        'id',
        '7',
        'dstport',
        '4789',
        'l2miss',
        'l3miss',
        'proxy',
      );
      one.ip('link', 'set', 'vxlan0', 'up');
      const sender = openFrameSender(one.link('vxlan0').index, one.fd);
      sender.send(encodeArpRequest(ASKER, OTHER.ip));
      sender.send(encodeIcmpEcho('request', ASKER, OTHER, { id: 1, sequence: 1, data: new Uint8Array(8) }));
      sender.close();
      await settled(macs);
      expect(macs).toEqual([OTHER.mac]);
    } finally {
      subscription.close();
    }
  }));
