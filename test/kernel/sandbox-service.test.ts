import { execFileSync, spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { NameTable } from '#dns/name-table.ts';
import { NAMESERVER } from '#model/nameserver.ts';
import { openFrameSocket } from '#netlink/frame-socket.ts';
import { openBound } from '#netlink/inet-socket.ts';
import { openNamespace } from '#netlink/open-namespace.ts';
import { acceptNone } from '#netlink/socket-filter.ts';
import { ETH_P_IP, encodeEthernet } from '#packet/ethernet.ts';
import { encodeIpv4 } from '#packet/ipv4.ts';
import { AskOn } from '#resolver/ask-on.ts';
import { readDiversion } from '#resolver/divert.ts';
import { SandboxService } from '#resolver/sandbox-service.ts';
import { type TestNamespace, withNamespaces } from './netlink-lab.ts';

/** What a container does to the resolver that serves all containers of its host. */

/** `x.weft.internal`, A */
const QUESTION = Buffer.from(
  '00070100000100000000000001780477656674' + '08696e7465726e616c0000010001',
  'hex',
);
const LO = 1;
const SERVFAIL = 2;

const serving = (test: (namespace: TestNamespace) => Promise<void>): Promise<void> =>
  withNamespaces(1, async (namespace) => {
    namespace.ip('link', 'set', 'lo', 'up');
    const opened = openNamespace(`/run/netns/${namespace.name}`);
    if (typeof opened === 'string') throw new Error(opened);
    const asker = { table: new NameTable(), networks: [], isCurrent: true };
    const service = await SandboxService.open(opened.fd, () => asker);
    try {
      await test(namespace);
    } finally {
      service.close('remove');
    }
  });

async function isAnswered(fd: number): Promise<boolean> {
  const socket = dgram.createSocket('udp4');
  const listening = once(socket, 'listening');
  socket.bind({ fd: openBound(fd, 'datagram', { address: '0.0.0.0', port: 0 }) });
  try {
    await listening;
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(5_000) });
    socket.send(QUESTION, 53, NAMESERVER);
    return (await answer)[0].length > 0;
  } finally {
    socket.close();
  }
}

test('a question from port 0 is not answered, and the next one is', () =>
  serving(async ({ fd, name }) => {
    // Else only packets that IP itself sent go to 127.0.0.11; a container with CAP_NET_RAW has IP send it.
    const unguarded = 'cd /proc/sys/net/ipv4/conf/lo; echo 1 | tee route_localnet > accept_local';
    execFileSync('ip', ['netns', 'exec', name, 'sh', '-c', unguarded]);
    const { udp: port } = readDiversion(fd)!;
    const length = 8 + QUESTION.length;
    const header = Uint8Array.of(0, 0, port! >> 8, port!, length >> 8, length, 0, 0);
    const addresses = { source: '127.0.0.1', destination: NAMESERVER, protocol: 17, ttl: 64 };
    const packet = encodeIpv4(addresses, Buffer.concat([header, QUESTION]));
    const none = '00:00:00:00:00:00';
    const sender = openFrameSocket(fd, acceptNone, () => {});
    sender.send(LO, encodeEthernet({ destination: none, source: none, etherType: ETH_P_IP }, packet));
    sender.close();
    expect(await isAnswered(fd)).toBe(true);
  }));

test('who answers byte by byte keeps a question by TCP no longer than who says nothing', () =>
  withNamespaces(1, async ({ fd, ip }) => {
    ip('link', 'set', 'lo', 'up');
    const server = net.createServer((socket) => {
      const drip = setInterval(() => socket.write(Uint8Array.of(0xff)), 100);
      socket.on('error', () => {}).on('close', () => clearInterval(drip));
    });
    server.listen({ fd: openBound(fd, 'stream', { address: NAMESERVER, port: 53 }) });
    await once(server, 'listening');
    const askOn = new AskOn(fd);
    try {
      const answer = new Promise<Buffer>((resolve) => void askOn.byStream(QUESTION, false, resolve));
      const response = await Promise.race([answer, sleep(20_000)]);
      expect(response, 'it still waits after 20 s').toBeDefined();
      expect(response![3]! & 15).toBe(SERVFAIL);
    } finally {
      askOn.close();
      server.close();
    }
  }));

test('a question by TCP that is given up goes to nobody else, whatever has the number of the namespace by then', () =>
  withNamespaces(1, async ({ fd, ip }) => {
    ip('link', 'set', 'lo', 'up');
    const server = net.createServer((socket) => void socket.on('error', () => {}).resume());
    server.listen({ fd: openBound(fd, 'stream', { address: NAMESERVER, port: 53 }) });
    await once(server, 'listening');
    const askOn = new AskOn(fd);
    const replies: Buffer[] = [];
    const given = askOn.byStream(QUESTION, false, (reply) => replies.push(reply));
    await once(server, 'connection');
    askOn.close();
    await given;
    expect(replies).toEqual([]);
    server.close();
  }));

test('rules that somebody holds on to are ours again when they let go', () =>
  serving(async ({ fd, name }) => {
    const nft = spawn('ip', ['netns', 'exec', name, 'nft', '-i'], { stdio: ['pipe', 'pipe', 'inherit'] });
    nft.stdin.write('delete table ip weft; add table ip weft { flags owner; }\nlist tables\n');
    await once(nft.stdout, 'data');
    await sleep(300);
    expect(readDiversion(fd)?.udp).toBeUndefined();
    nft.stdin.end();
    await once(nft, 'exit');
    await expect.poll(() => readDiversion(fd)?.udp, { timeout: 5_000 }).toBeGreaterThan(0);
    expect(await isAnswered(fd)).toBe(true);
  }));
