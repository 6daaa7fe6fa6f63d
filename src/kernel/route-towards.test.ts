import { constants } from 'node:os';
import { expect, it } from 'vitest';
import type { Ip } from '#model/ip.ts';
import type { Conversation } from '#netlink/conversation.ts';
import { NetlinkError } from '#netlink/netlink-error.ts';
import { routeTowards } from './route-towards.ts';

const answering = (errno: number) =>
  ({
    ask: () => {
      throw new NetlinkError({ errno, request: 'RTM_GETROUTE' });
    },
  }) as unknown as Conversation;

it('has no way in a family that the kernel is without', () => {
  expect(routeTowards(answering(constants.errno.EOPNOTSUPP), '2001:db8::1' as Ip)).toBeUndefined();
  expect(() => routeTowards(answering(constants.errno.EPERM), '2001:db8::1' as Ip)).toThrow('EPERM');
});
