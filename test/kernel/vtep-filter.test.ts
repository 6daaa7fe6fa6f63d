import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { execPath } from 'node:process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { add } from '#kernel/contract-stage.ts';
import { RealKernel } from '#kernel/real-kernel.ts';
import type { Ip } from '#model/ip.ts';
import { testHost, testNetwork } from '#plan/test-world.ts';
import { tunnelElements, vtepFilter } from '#plan/vtep-filter.ts';
import { enterHostNamespace, ip, TAG } from './kernel-lab.ts';

/** What is no VXLAN of ours, from another machine, with the rules in place that let nobody send VXLAN here. */

const other = `vtep-filter-${TAG}`;
const PORT = 45_000;
let leave: () => void;
let kernel: RealKernel;

beforeAll(async () => {
  leave = enterHostNamespace();
  kernel = new RealKernel();
  ip('netns', 'add', other);
  ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', other);
  for (const [where, n] of [
    [[], 1],
    [['-n', other], 2],
  ] as const) {
    ip(...where, 'addr', 'add', `198.51.100.${n}/24`, 'dev', 'eth0');
    ip(...where, 'addr', 'add', `fd00:51::${n}/64`, 'dev', 'eth0', 'nodad');
    ip(...where, 'link', 'set', 'eth0', 'up');
  }
  const { id } = testHost(1);
  const tunnels = tunnelElements(testNetwork(1), new Map([[id, '198.51.100.1' as Ip]]), id);
  const results = await kernel.apply([...vtepFilter(), ...tunnels].map(add), {
    hostTag: TAG,
    containers: [],
  });
  expect(results.filter(({ ok }) => !ok)).toEqual([]);
});

afterAll(async () => {
  await kernel.close();
  ip('netns', 'del', other);
  leave();
});

it.each([0, 1, 7, 8, 4000].flatMap((length) => [[4, length] as const, [6, length] as const]))(
  'by IPv%i, a datagram of %i bytes to a port of no tunnel arrives',
  async (family, length) => {
    const socket = createSocket(`udp${family}`);
    try {
      socket.bind(PORT);
      await once(socket, 'listening');
      const heard = once(socket, 'message', { signal: AbortSignal.timeout(5_000) });
      const address = family === 4 ? '198.51.100.1' : 'fd00:51::1';
      const program = `const s = require('dgram').createSocket('udp${family}');
        s.send(Buffer.alloc(${length}), ${PORT}, '${address}', () => s.close())`;
      execFileSync('ip', ['netns', 'exec', other, execPath, '-e', program]);
      expect((await heard)[0]).toHaveLength(length);
    } finally {
      socket.close();
    }
  },
);
