import { execFileSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { expect, test } from 'vitest';
import { NAMESERVER } from '#model/nameserver.ts';
import { connectStream, openBound, openConnected } from '#netlink/inet-socket.ts';
import { close, MSG, recv, send } from '#netlink/libc.ts';
import { ASKS_FROM } from '#resolver/asks-from.ts';
import { divert, readDiversion, undivert } from '#resolver/divert.ts';
import { withNamespaces } from './netlink-lab.ts';

const ruleset = (name: string) =>
  execFileSync('ip', ['netns', 'exec', name, 'nft', 'list', 'ruleset'], { encoding: 'utf8' });

test('the rule is what nft shows, changes in one step, and is taken away twice', () =>
  withNamespaces(1, ({ fd, name }) => {
    expect(readDiversion(fd)).toBeUndefined();
    divert(fd, { udp: 40001, tcp: 40002 });
    divert(fd, { udp: 40003, tcp: 40004 });
    expect(readDiversion(fd)).toEqual({ udp: 40003, tcp: 40004 });
    const lines = ruleset(name)
      .split('\n')
      .map((line) => line.trim());
    expect(lines).toEqual([
      'table ip weft {',
      'chain names {',
      'type filter hook output priority raw; policy accept;',
      'ip daddr != 127.0.0.11 accept comment "for others"',
      'ip saddr 127.87.69.70 accept comment "asked on by weft"',
      'udp dport 53 udp dport set 40003 comment "names, udp 40003"',
      'tcp dport 53 tcp dport set 40004 comment "names, tcp 40004"',
      '}',
      '}',
      'table netdev weft {',
      'chain names {',
      'type filter hook ingress device "lo" priority filter; policy accept;',
      'ip saddr 127.0.0.11 udp sport 40003 udp sport set 53 comment "answers, udp 40003"',
      'ip saddr 127.0.0.11 tcp sport 40004 tcp sport set 53 comment "answers, tcp 40004"',
      '}',
      '}',
      '',
    ]);
    undivert(fd);
    undivert(fd);
    expect(ruleset(name)).toBe('');
  }));

test('one that asks from the same socket again and again follows the rule as it comes and goes', () =>
  withNamespaces(1, async ({ fd, ip }) => {
    ip('link', 'set', 'lo', 'up');
    const ours = await listen(fd, 'ours', 0);
    const runtimes = await listen(fd, 'runtime', 53);
    const asker = openConnected(fd, { address: NAMESERVER, port: 53 });
    const marked = openConnected(fd, { address: NAMESERVER, port: 53 }, ASKS_FROM);
    try {
      expect(await ask(asker)).toBe('runtime');
      divert(fd, { udp: ours.address().port, tcp: 1 });
      expect(await ask(asker)).toBe('ours');
      expect(await ask(marked)).toBe('runtime');
      undivert(fd);
      expect(await ask(asker)).toBe('runtime');
    } finally {
      for (const each of [asker, marked]) close(each);
      await Promise.all([ours, runtimes].map((socket) => new Promise<void>((done) => socket.close(done))));
    }
  }));

test('by TCP, too, and the answers come from where was asked', () =>
  withNamespaces(1, async ({ fd, ip }) => {
    ip('link', 'set', 'lo', 'up');
    const server = net.createServer((socket) => socket.end('ours'));
    server.listen({ fd: openBound(fd, 'stream', { address: NAMESERVER, port: 0 }) });
    await once(server, 'listening');
    try {
      divert(fd, { udp: 1, tcp: (server.address() as net.AddressInfo).port });
      const socket = new net.Socket({ fd: await connectStream(fd, { address: NAMESERVER, port: 53 }, 1000) });
      const [data] = await once(socket, 'data');
      expect(String(data)).toBe('ours');
      socket.destroy();
    } finally {
      server.close();
    }
  }));

test('no packet of the namespace is tracked for it', () =>
  withNamespaces(1, async ({ fd, ip, name }) => {
    ip('link', 'set', 'lo', 'up');
    const ours = await listen(fd, 'ours', 0);
    const asker = openConnected(fd, { address: NAMESERVER, port: 53 });
    try {
      divert(fd, { udp: ours.address().port, tcp: 1 });
      expect(await ask(asker)).toBe('ours');
      const count = ['netns', 'exec', name, 'cat', '/proc/sys/net/netfilter/nf_conntrack_count'];
      expect(execFileSync('ip', count, { encoding: 'utf8' }).trim()).toBe('0');
    } finally {
      close(asker);
      await new Promise<void>((done) => ours.close(done));
    }
  }));

test('the table of an earlier Weft, which had flows translated, is replaced with its flows', () =>
  withNamespaces(1, async ({ fd, ip, name }) => {
    ip('link', 'set', 'lo', 'up');
    const ours = await listen(fd, 'ours', 0);
    const { port } = ours.address();
    const asker = openConnected(fd, { address: NAMESERVER, port: 53 });
    try {
      const former = `table ip weft {
        chain names {
          type nat hook output priority -110
          ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:${port} comment "names, udp ${port}"
        }
      }
      table ip other {
        chain tracks {
          type nat hook output priority 0
        }
      }
      `;
      execFileSync('ip', ['netns', 'exec', name, 'nft', '-f', '-'], { input: former });
      expect(await ask(asker)).toBe('ours');
      expect(readDiversion(fd)).toBeUndefined();
      divert(fd, { udp: port, tcp: 1 });
      expect(readDiversion(fd)).toEqual({ udp: port, tcp: 1 });
      expect(await ask(asker)).toBe('ours');
    } finally {
      close(asker);
      await new Promise<void>((done) => ours.close(done));
    }
  }));

async function listen(netnsFd: number, name: string, port: number): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (_, from) => socket.send(name, from.port, from.address));
  const listening = once(socket, 'listening');
  socket.bind({ fd: openBound(netnsFd, 'datagram', { address: NAMESERVER, port }) });
  await listening;
  return socket;
}

async function ask(fd: number): Promise<string> {
  send(fd, Buffer.from('?'), 1, 0);
  const answer = Buffer.alloc(20);
  for (let i = 0; i < 200; i++) {
    const length = recv(fd, answer, answer.length, MSG.DONTWAIT);
    if (length > 0) return answer.toString('latin1', 0, length);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return 'nobody';
}
