import { expect, it } from 'vitest';
import type { Conversation } from '#netlink/conversation.ts';
import { readMessages } from '#netlink/message.ts';
import { destinationOf, dumpMainRoutes } from './route.ts';

/** `RTM_NEWROUTE` with RTA_DST and RTA_OIF. */
const message = (family: number, dstLength: number, ...dst: number[]) =>
  Buffer.of(
    ...[44, 0, 0, 0, 24, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0],
    ...[family, dstLength, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0],
    ...[8, 0, 1, 0, ...dst],
    ...[8, 0, 4, 0, 2, 0, 0, 0],
  );

const telling = (...messages: Buffer[]) =>
  ({
    dump: (_: unknown, decode: (message: unknown) => unknown) =>
      [...readMessages(Buffer.concat(messages))].map(decode),
  }) as unknown as Conversation;

it('takes no label of MPLS for a subnet: `ip -f mpls route add 100 dev eth0`', () => {
  const routes = dumpMainRoutes(telling(message(28, 20, 0, 6, 0x41, 0), message(2, 24, 10, 1, 2, 0)));
  expect(routes.map(destinationOf)).toEqual(['10.1.2.0/24']);
});
