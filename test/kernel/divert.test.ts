import { execFileSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { NAMESERVER } from '#model/nameserver.ts';
import { openBound, openConnected } from '#netlink/inet-socket.ts';
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
      'type nat hook output priority -110; policy accept;',
      'ip saddr 127.87.69.70 accept comment "asked on by weft"',
      'ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:40003 comment "names, udp 40003"',
      'ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:40004 comment "names, tcp 40004"',
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
