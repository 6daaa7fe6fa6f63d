import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { spawnMortal } from '#lab/machine/spawn-mortal.ts';

const PORT = 7;
/** The first packet may wait for ARP, which is asked again after a second. */
const PATIENCE_MS = 3000;

const SERVER = `
const dgram = require('node:dgram');
const udp = dgram.createSocket('udp6', (message, { port, address }) => udp.send(message, port, address));
const tcp = require('node:net').createServer((socket) => socket.pipe(socket));
udp.bind(${PORT}, '::', () => tcp.listen(${PORT}, '::', () => console.log('ready')));
`;

const CLIENT = `
const net = require('node:net'), dgram = require('node:dgram');
const tcp = (host) => new Promise((done) => {
  const socket = net.connect({ host, port: ${PORT}, timeout: ${PATIENCE_MS} }, () => socket.write('x'.repeat(5000)));
  let heard = 0;
  socket.on('data', (data) => (heard += data.length) === 5000 && socket.destroy());
  socket.on('timeout', () => socket.destroy()).on('error', () => {});
  socket.on('close', () => done(heard === 5000));
});
const udp = (host) => new Promise((done) => {
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const end = (heard) => (clearTimeout(timer), socket.close(), done(heard));
  const timer = setTimeout(() => end(false), ${PATIENCE_MS});
  socket.on('message', () => end(true)).on('error', () => {});
  socket.send('x'.repeat(1000), ${PORT}, host);
});
Promise.all(process.argv.slice(1).flatMap((host) =>
  [['tcp', tcp], ['udp', udp]].map(async ([name, say]) => [name + ' ' + host, await say(host)]),
)).then((all) => console.log(JSON.stringify(all)));
`;

const inside = (ns: string, script: string): string[] => [
  ...[`--net=/run/netns/${ns}`, process.execPath, '-e', script],
];

/** Answers TCP and UDP, both families, until it is killed. */
export async function startEcho(ns: string): Promise<ChildProcess> {
  const server = spawn('nsenter', inside(ns, SERVER), { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout, 'data');
  return server;
}

/** What of TCP and UDP to these addresses did not come back; empty when all did. */
export async function talkTo(ns: string, addresses: readonly string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)('nsenter', [...inside(ns, CLIENT), ...addresses]);
  return (JSON.parse(stdout) as [string, boolean][]).flatMap(([what, heard]) => (heard ? [] : [what]));
}

/** Which of these addresses do not answer a ping. */
export async function pingAll(ns: string, addresses: readonly string[]): Promise<string[]> {
  const silent = await Promise.all(addresses.map(async (ip) => ((await ping(ns, ip)) ? [] : [ip])));
  return silent.flat();
}

/** What the first echo takes, in ms; none comes back: undefined. */
export async function firstPing(ns: string, ip: string): Promise<number | undefined> {
  const words = ['netns', 'exec', ns, 'ping', '-c1', '-W4', '-n', ip];
  const { stdout } = await promisify(execFile)('ip', words).catch(() => ({ stdout: '' }));
  const time = /time=([\d.]+) ms/.exec(stdout)?.[1];
  return time === undefined ? undefined : Number(time);
}

/** Asks ten times a second until the first answer, and says when that came (`performance.now()`). */
export function untilAnswered(ns: string, ip: string): Promise<number> {
  const asking = spawnMortal(['ip', 'netns', 'exec', ns, 'ping', '-n', '-i', '0.1', ip], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve) => {
    createInterface({ input: asking.stdout! }).on('line', (line) => {
      if (!line.includes('time=')) return;
      resolve(performance.now());
      asking.kill('SIGKILL');
    });
  });
}

export const ping = (ns: string, ip: string, ...flags: readonly string[]): Promise<boolean> =>
  promisify(execFile)('ip', ['netns', 'exec', ns, 'ping', '-c1', '-W2', '-n', ...flags, ip]).then(
    () => true,
    () => false,
  );
