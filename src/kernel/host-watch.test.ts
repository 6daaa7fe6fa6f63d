import { expect, it, vi } from 'vitest';
import { HostWatch } from './host-watch.ts';

const open = vi.hoisted(() => ({ count: 0 }));
const opened = vi.hoisted(() => (more: object) => {
  open.count++;
  return { ...more, close: () => void open.count-- };
});
vi.mock('#netlink/events.ts', () => ({ subscribe: () => opened({ drop: () => {} }) }));
vi.mock('#netlink/conversation.ts', () => ({
  openConversation: () =>
    opened({
      dump: () => {
        throw new Error('EINTR: the table changed during each of 5 dumps');
      },
    }),
}));

it('leaves nothing open when the host’s links cannot be read', () => {
  const make = () =>
    new HostWatch(
      new Set(['br-a']),
      () => {},
      () => {},
    );
  expect(make).toThrow('EINTR');
  expect(open.count).toBe(0);
});
