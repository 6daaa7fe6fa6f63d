import { describe, expect, test } from 'vitest';
import { type Conversation, converse, openConversation } from '#netlink/conversation.ts';
import { AF_BRIDGE } from '#netlink/route/bridge-port.ts';
import { decodeLink, encodeDumpLinks, encodeGetLink, encodeNewLink } from '#netlink/route/link.ts';
import { decodeNeighbour, encodeDumpNeighbours, encodeNewNeighbour, NTF } from '#netlink/route/neighbour.ts';
import { openSocket } from '#netlink/socket.ts';
import { type TestNamespace, withNamespaces } from './netlink-lab.ts';

const mac = (n: number) => `02:42:0a:00:${hex(n >> 8)}:${hex(n & 0xff)}`;
const hex = (byte: number) => byte.toString(16).padStart(2, '0');

function vxlan({ conversation, link }: TestNamespace): number {
  conversation.request(
    encodeNewLink({
      name: 'vxlan0',
      kind: 'vxlan',
      vxlan: { id: 5, local: '192.0.2.1', port: 4789 },
      up: true,
    }),
  );
  return link('vxlan0').index;
}

const entry = (ifindex: number, n: number) =>
  encodeNewNeighbour({ family: AF_BRIDGE, ifindex, flags: NTF.SELF, mac: mac(n), dst: '192.0.2.2' }, 'add');

describe('batch', () => {
  for (const batchSize of [undefined, 1, 7]) {
    test(`refusals in the middle are told each, the rest is done (batchSize ${batchSize})`, () =>
      withNamespaces(1, (ns) => {
        const ifindex = vxlan(ns);
        const messages = Array.from({ length: 300 }, (_, n) => entry(ifindex, n));
        messages[3] = entry(9999, 3); // no such device
        messages[150] = entry(ifindex, 149); // there already
        messages[299] = entry(ifindex, 0); // the last one, which also asks for the acknowledgement
        const outcomes = ns.conversation.batch(messages, { batchSize });
        const refused = outcomes.flatMap((outcome, n) =>
          outcome ? [[n, outcome.code, outcome.request]] : [],
        );
        expect(refused).toEqual([
          [3, 'ENODEV', 'RTM_NEWNEIGH'],
          [150, 'EEXIST', 'RTM_NEWNEIGH'],
          [299, 'EEXIST', 'RTM_NEWNEIGH'],
        ]);
        expect(ns.bridge('fdb', 'show', 'dev', 'vxlan0')).toHaveLength(297);
        const dump = encodeDumpNeighbours(AF_BRIDGE, { ifindex });
        expect(ns.conversation.dump(dump, decodeNeighbour)).toHaveLength(297);
      }));
  }

  test('all refused', () =>
    withNamespaces(1, ({ conversation }) => {
      const outcomes = conversation.batch(Array.from({ length: 1000 }, (_, n) => entry(9999, n)));
      expect(outcomes.every((outcome) => outcome?.code === 'ENODEV')).toBe(true);
    }));

  test('an empty batch sends nothing', () =>
    withNamespaces(1, ({ conversation }) => expect(conversation.batch([])).toEqual([])));
});

test("a refusal carries the kernel's text and the attribute it points at", () =>
  withNamespaces(1, (ns) => {
    const again = encodeNewLink({
      name: 'other',
      kind: 'vxlan',
      vxlan: { id: 5, local: '192.0.2.1', port: 4789 },
    });
    vxlan(ns);
    expect(refusal(() => ns.conversation.request(again))).toMatchObject({
      code: 'EEXIST',
      errno: 17,
      request: 'RTM_NEWLINK',
      text: 'A VXLAN device with the specified VNI already exists',
      retryable: false,
      message: 'RTM_NEWLINK: EEXIST: A VXLAN device with the specified VNI already exists',
    });
    const tooLarge = encodeNewLink({ name: 'large', kind: 'vxlan', vxlan: { id: 1 << 24, port: 4789 } });
    expect(refusal(() => ns.conversation.request(tooLarge))).toMatchObject({
      code: 'ERANGE',
      text: 'VXLAN ID must be lower than 16777216',
      attribute: { type: 1 },
    });
  }));

/** A conversation whose kernel is the real one, with `between` done after each datagram of a dump. */
function interrupted(netnsFd: number, between: () => void): { dumper: Conversation; dumps: () => number } {
  const socket = openSocket(netnsFd);
  let dumps = 0;
  const dumper = converse({
    ...socket,
    send(bytes, length) {
      dumps++;
      socket.send(bytes, length);
    },
    receive(into) {
      // What happens meanwhile is told to the same memory: all conversations of a thread share it.
      const datagram = Buffer.allocUnsafeSlow(into.length);
      const length = socket.receive(datagram);
      between();
      datagram.copy(into, 0, 0, length);
      return length;
    },
  });
  return { dumper, dumps: () => dumps };
}

describe('a table that changes during the dump', () => {
  test('is asked again, and what comes out is whole', () =>
    withNamespaces(1, ({ conversation, fd }) => {
      conversation.batch(
        Array.from({ length: 80 }, (_, n) => encodeNewLink({ name: `br${n}`, kind: 'bridge' })),
      );
      let changes = 3;
      const { dumper, dumps } = interrupted(fd, () => {
        if (changes-- > 0) conversation.request(encodeNewLink({ name: `late${changes}`, kind: 'bridge' }));
      });
      const names = dumper.dump(encodeDumpLinks(), decodeLink).map(({ name }) => name);
      dumper.close();
      expect(dumps()).toBeGreaterThan(1);
      expect(new Set(names).size).toBe(1 + 80 + 3);
      expect(names).toContain('late0');
    }));

  test('for ever is a refusal to be tried later', () =>
    withNamespaces(1, ({ conversation, fd }) => {
      conversation.batch(
        Array.from({ length: 80 }, (_, n) => encodeNewLink({ name: `br${n}`, kind: 'bridge' })),
      );
      let made = 0;
      const { dumper, dumps } = interrupted(fd, () => {
        conversation.request(encodeNewLink({ name: `late${made++}`, kind: 'bridge' }));
      });
      expect(refusal(() => dumper.dump(encodeDumpLinks(), decodeLink))).toMatchObject({
        code: 'EINTR',
        retryable: true,
      });
      // What is left of the interrupted dumps does not confuse the next question.
      expect(decodeLink(dumper.ask(encodeGetLink({ name: 'br7' }))).name).toBe('br7');
      dumper.close();
      expect(dumps()).toBe(5 + 1);
    }));
});

test('a decoder that throws does not spoil the conversation', () =>
  withNamespaces(1, ({ conversation }) => {
    conversation.batch(
      Array.from({ length: 80 }, (_, n) => encodeNewLink({ name: `br${n}`, kind: 'bridge' })),
    );
    const broken = () => {
      throw new Error('from the decoder');
    };
    expect(() => conversation.dump(encodeDumpLinks(), broken)).toThrow('from the decoder');
    expect(conversation.dump(encodeDumpLinks(), decodeLink)).toHaveLength(81);
  }));

test('without privileges it opens and reads, and writing is refused', () => {
  const euid = process.geteuid!();
  process.seteuid!(65534);
  try {
    const conversation = openConversation();
    try {
      expect(conversation.dump(encodeDumpLinks(), decodeLink).some(({ name }) => name === 'lo')).toBe(true);
      const write = encodeNewLink({ name: 'refused', kind: 'bridge' });
      expect(refusal(() => conversation.request(write))).toMatchObject({ code: 'EPERM', retryable: false });
    } finally {
      conversation.close();
    }
  } finally {
    process.seteuid!(euid);
  }
});

function refusal(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('was not refused');
}
