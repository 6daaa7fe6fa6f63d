import { describe, expect, test } from 'vitest';
import { readAcknowledgement } from './acknowledgement.ts';
import { refused } from './captured.testdata.ts';
import { converse } from './conversation.ts';
import { NLM_F, NLMSG, readMessages } from './message.ts';
import { errnoName, NetlinkError } from './netlink-error.ts';
import { encodeDeleteLink, encodeDumpLinks, encodeGetLink } from './route/link.ts';
import type { Transport } from './socket.ts';

const { ERROR, DONE } = NLMSG;
const ENODEV = 19;
const ENOBUFS = 105;

interface Asked {
  type: number;
  flags: number;
  sequence: number;
  body: Buffer;
}

/** A kernel that is a function: gets the messages of one send, gives the datagrams that answer. */
function kernel(answer: (asked: [Asked, ...Asked[]]) => (Buffer | NetlinkError)[]) {
  const sends: Asked[][] = [];
  const queue: (Buffer | NetlinkError)[] = [];
  const transport: Transport = {
    send(bytes, length) {
      const asked = [...readMessages(Buffer.from(bytes.subarray(0, length)))];
      sends.push(asked);
      const [first, ...more] = asked;
      if (!first) throw new Error('sent nothing');
      queue.push(...answer([first, ...more]));
    },
    async sendInBackground(bytes, length) {
      await Promise.resolve();
      transport.send(bytes, length);
    },
    receive(into) {
      const next = queue.shift();
      if (!next) throw new NetlinkError({ errno: 11, request: 'recv' });
      if (next instanceof NetlinkError) throw next;
      return next.copy(into);
    },
    close() {},
  };
  return { conversation: converse(transport), sends };
}

function message(type: number, flags: number, sequence: number, body: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, body]);
}

function verdict(sequence: number, errno = 0): Buffer {
  const body = Buffer.alloc(20);
  body.writeInt32LE(-errno, 0);
  return message(ERROR, 0x100, sequence, body);
}

const row = (sequence: number, index: number, flags = 0) => {
  const body = Buffer.alloc(16);
  body.writeInt32LE(index, 4);
  return message(16, NLM_F.MULTI | flags, sequence, body);
};
const done = (sequence: number, flags = 0) => message(DONE, NLM_F.MULTI | flags, sequence, Buffer.alloc(4));
const indexOf = ({ body }: { body: Buffer }) => body.readInt32LE(4);

describe('ask', () => {
  test('returns the answer as a copy, and waits for no acknowledgement behind it', () => {
    const { conversation, sends } = kernel(([{ sequence }]) => [row(sequence, 6 + sequence)]);
    const first = conversation.ask(encodeGetLink({ index: 7 }));
    expect(indexOf(conversation.ask(encodeGetLink({ index: 8 })))).toBe(8);
    expect(indexOf(first)).toBe(7);
    expect(sends[0]![0]!.flags & NLM_F.ACK).toBe(0);
  });

  test.each([
    [ENODEV, 'ENODEV'],
    [0, 'ENOMSG'],
  ])('a verdict instead of an answer (%i) is a refusal', (errno, code) => {
    const { conversation } = kernel(([{ sequence }]) => [verdict(sequence, errno)]);
    expect(() => conversation.ask(encodeGetLink({ index: 7 }))).toThrow(code);
  });
});

describe('request', () => {
  test('hears only what answers it: leftovers of other sequence numbers are skipped', () => {
    const { conversation } = kernel(([{ sequence }]) => [
      verdict(0, ENODEV),
      verdict(sequence - 1, ENODEV),
      Buffer.concat([verdict(sequence + 1, ENODEV), verdict(sequence), verdict(sequence, ENODEV)]),
    ]);
    expect(conversation.request(encodeDeleteLink({ index: 7 }))).toBeUndefined();
  });

  test('sequence numbers rise and are never 0', () => {
    const { conversation, sends } = kernel(([{ sequence }]) => [verdict(sequence)]);
    for (let i = 0; i < 3; i++) conversation.request(encodeDeleteLink({ index: 7 }));
    expect(sends.map(([asked]) => asked!.sequence)).toEqual([1, 2, 3]);
  });

  test('silence is a retryable refusal', () => {
    const { conversation } = kernel(() => []);
    expect(() => conversation.request(encodeDeleteLink({ index: 7 }))).toThrow(
      expect.objectContaining({ code: 'EAGAIN', retryable: true }),
    );
  });

  test('bytes that are no netlink are told as such', () => {
    const { conversation } = kernel(() => [Buffer.from('nonsense that is long enough')]);
    expect(() => conversation.request(encodeDeleteLink({ index: 7 }))).toThrow(/EBADMSG/);
  });
});

describe('dump', () => {
  test('over several datagrams', () => {
    const { conversation } = kernel(([{ sequence: s }]) => [
      Buffer.concat([row(s, 1), row(s, 2)]),
      row(s, 3),
      done(s),
    ]);
    expect(conversation.dump(encodeDumpLinks(), indexOf)).toEqual([1, 2, 3]);
  });

  test.each(['in a row', 'at the end'])('interrupted %s: thrown away whole and asked again', (where) => {
    let round = 0;
    const { conversation, sends } = kernel(([{ sequence: s }]) => {
      const mark = round++ < 2 ? NLM_F.DUMP_INTR : 0;
      return where === 'in a row' ? [row(s, round, mark), done(s)] : [row(s, round), done(s, mark)];
    });
    expect(conversation.dump(encodeDumpLinks(), indexOf)).toEqual([3]);
    expect(sends.length).toBe(3);
  });

  test('interrupted for ever: given up after five', () => {
    const { conversation, sends } = kernel(([{ sequence: s }]) => [row(s, 1, NLM_F.DUMP_INTR), done(s)]);
    expect(() => conversation.dump(encodeDumpLinks(), indexOf)).toThrow(
      expect.objectContaining({ code: 'EINTR', retryable: true, request: 'RTM_GETLINK' }),
    );
    expect(sends.length).toBe(5);
  });

  test('refused at once, or in the middle', () => {
    const atOnce = kernel(([{ sequence: s }]) => [verdict(s, ENODEV)]);
    expect(() => atOnce.conversation.dump(encodeDumpLinks(), indexOf)).toThrow(/RTM_GETLINK: ENODEV/);
    const error = Buffer.alloc(4);
    error.writeInt32LE(-ENODEV, 0);
    const later = kernel(([{ sequence: s }]) => [row(s, 1), message(DONE, NLM_F.MULTI, s, error)]);
    expect(() => later.conversation.dump(encodeDumpLinks(), indexOf)).toThrow(/RTM_GETLINK: ENODEV/);
  });
});

describe('batch', () => {
  const deletes = (count: number) => Array.from({ length: count }, (_, index) => encodeDeleteLink({ index }));
  /** Refuses odd indexes; acknowledges where asked. */
  const oddRefused = (asked: Asked[]) =>
    asked.flatMap((one) =>
      indexOf(one) % 2
        ? [verdict(one.sequence, ENODEV)]
        : one.flags & NLM_F.ACK
          ? [verdict(one.sequence)]
          : [],
    );
  const codes = (outcomes: readonly (NetlinkError | undefined)[]) => outcomes.map((outcome) => outcome?.code);

  test('asks for one acknowledgement per send, and matches refusals by sequence number', () => {
    const { conversation, sends } = kernel(oddRefused);
    const outcomes = conversation.batch(deletes(250));
    expect(codes(outcomes)).toEqual(deletes(250).map((_, index) => (index % 2 ? 'ENODEV' : undefined)));
    expect(sends.map((asked) => asked.length)).toEqual([100, 100, 50]);
    for (const asked of sends) {
      expect(asked.map(({ flags }) => flags & NLM_F.ACK).filter(Boolean)).toHaveLength(1);
      expect(asked.at(-1)!.flags & NLM_F.ACK).toBeTruthy();
    }
  });

  test('one by one', () => {
    const { conversation, sends } = kernel(oddRefused);
    expect(codes(conversation.batch(deletes(3), { batchSize: 1 }))).toEqual([undefined, 'ENODEV', undefined]);
    expect(sends.map((asked) => asked.length)).toEqual([1, 1, 1]);
  });

  test('in the background', async () => {
    const { conversation } = kernel(oddRefused);
    expect(codes(await conversation.batchInBackground(deletes(3)))).toEqual([undefined, 'ENODEV', undefined]);
  });

  test('a socket that fails: what was not judged is to be asked again, and nothing more is sent', () => {
    const full = new NetlinkError({ errno: ENOBUFS, request: 'recv' });
    const { conversation, sends } = kernel((asked) => [verdict(asked[1]!.sequence, ENODEV), full]);
    const outcomes = conversation.batch(deletes(5), { batchSize: 3 });
    expect(codes(outcomes)).toEqual(['ENOBUFS', 'ENODEV', 'ENOBUFS', 'ENOBUFS', 'ENOBUFS']);
    expect(outcomes[0]!.retryable).toBe(true);
    expect(sends.length).toBe(1);
  });
});

describe('refusals as Linux 6.18 words them', () => {
  const read = (command: keyof typeof refused) => {
    const { request, answer } = refused[command];
    const [reply] = [...readMessages(Buffer.from(answer, 'hex'))];
    return readAcknowledgement(reply!, Buffer.from(request, 'hex'));
  };

  test('with a text, behind the repeated request', () => {
    expect(read('ip link add name again type vxlan id 9 local 192.0.2.1 dstport 4789')).toMatchObject({
      code: 'EEXIST',
      request: 'RTM_NEWLINK',
      text: 'A VXLAN device with the specified VNI already exists',
      attribute: undefined,
    });
    expect(read('ip route add 10.9.0.0/16 via 192.0.2.77')).toMatchObject({
      code: 'ENETUNREACH',
      text: 'Nexthop has invalid gateway',
    });
  });

  test('without', () => {
    expect(read('ip link del absent')).toMatchObject({ code: 'ENODEV', text: undefined });
  });

  test('errno names are those that the kernel means', () => {
    expect([11, 17, 95, 105, 4711].map(errnoName)).toEqual([
      'EAGAIN',
      'EEXIST',
      'EOPNOTSUPP',
      'ENOBUFS',
      'E4711',
    ]);
  });
});
