import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classifyFrame } from '#packet/classify.ts';
import { decodeFrame } from '#packet/decode.ts';
import {
  encodeArpReply,
  encodeGratuitousArp,
  encodeIcmpEcho,
  encodeNeighbourAdvertisement,
} from '#packet/encode-frame.ts';
import { encodeInterfaceDescription, encodePacket, encodeSectionHeader } from '#packet/pcapng.ts';
import { summarizeFrame } from '#packet/summarize.ts';

/** The kernel makes the frames, tcpdump is the independent reader. */

const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe' });
const ip = (line: string) => run('ip', ...line.split(' '));
const missing = whyNot();

function whyNot(): string | undefined {
  if (process.getuid!() !== 0) return 'needs root to make network namespaces';
  try {
    run('tcpdump', '--version');
  } catch {
    return 'tcpdump is not installed (apt-get install tcpdump)';
  }
}

const one = `weftpacket1-${process.pid}`;
const two = `weftpacket2-${process.pid}`;

describe.skipIf(missing)(`frames of a real tunnel${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let frames: { timeNs: bigint; bytes: Uint8Array }[];
  let directory: string;
  let capture: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'weft-packet-'));
    capture = join(directory, 'underlay.pcap');
    makeTunnel();
    const stop = await startCapture(one, capture);
    ip(`-n ${one} link set vxlan0 up`);
    ip(`-n ${two} link set vxlan0 up`);
    for (const target of ['10.1.0.3', 'fd01::3']) ping(target);
    ping('10.1.0.3', '-s', '1400'); // as large as fits
    run('ip', 'netns', 'exec', one, process.execPath, '-e', knockOnClosedPorts);
    await stop();
    frames = readPcap(readFileSync(capture));
  });

  afterAll(() => {
    rmSync(directory, { recursive: true });
    const made = ip('netns list');
    for (const namespace of [one, two]) if (made.includes(namespace)) ip(`netns del ${namespace}`);
  });

  it('are summed up in the words of tcpdump', () => {
    expect(frames.length).toBeGreaterThan(10);
    expect(frames.map(({ bytes }) => summarizeFrame(decodeFrame(bytes)))).toEqual(tcpdumpLines(capture));
  });

  it('are all of the one tunnel and none is malformed', () => {
    const layers = frames.map(({ bytes }) => decodeFrame(bytes));
    expect(layers.flat().filter(({ layer }) => layer === 'malformed')).toEqual([]);
    for (const seen of layers.map(classifyFrame))
      expect(seen).toMatchObject({ vni: 1048576, tunnel: { port: 4789 } });
  });

  it('have no bad checksum, offloaded ones included', () => {
    const layers = frames.flatMap(({ bytes }) => decodeFrame(bytes));
    expect(layers.filter((layer) => 'checksumState' in layer && layer.checksumState === 'bad')).toEqual([]);
    expect(layers.some((layer) => layer.layer === 'tcp' && layer.checksumState === 'partial')).toBe(true);
  });

  it('are of every kind that the traffic asks for', () => {
    const kinds = frames.map(({ bytes }) => classifyFrame(decodeFrame(bytes)).kind);
    expect(kinds).toEqual(
      expect.arrayContaining([
        ...['arp-request', 'arp-reply', 'neighbour-solicitation', 'neighbour-advertisement'],
        ...['mld', 'icmp-echo', 'tcp', 'udp'],
      ]),
    );
  });

  it('read the same from a pcapng file of two interfaces', () => {
    const file = join(directory, 'copy.pcapng');
    const packets = frames.map((frame, index) => encodePacket({ ...frame, interfaceIndex: index % 2 }));
    const interfaces = ['h1:eth0', 'h2:eth0'].map(encodeInterfaceDescription);
    writeFileSync(file, Buffer.concat([encodeSectionHeader(), ...interfaces, ...packets]));
    expect(tcpdump('-tt', file)).toEqual(tcpdump('-tt', capture));
  });

  it('that we write ourselves have checksums that tcpdump accepts', () => {
    const from = { mac: '02:00:0a:01:00:02', ip: 'fd01::2' };
    const to = { mac: '02:00:0a:01:00:03', ip: 'fd01::3' };
    const echo = { id: 7, sequence: 1, data: Uint8Array.of(1, 2, 3) };
    const written = [
      encodeArpReply({ ...from, ip: '10.1.0.2' }, { ...to, ip: '10.1.0.3' }),
      encodeGratuitousArp({ ...from, ip: '10.1.0.2' }),
      encodeNeighbourAdvertisement(from, to),
      encodeNeighbourAdvertisement(from),
      encodeIcmpEcho('request', from, to, echo),
      encodeIcmpEcho('reply', { ...from, ip: '10.1.0.2' }, { ...to, ip: '10.1.0.3' }, echo),
    ];
    const file = join(directory, 'written.pcapng');
    const packets = written.map((bytes) => encodePacket({ interfaceIndex: 0, timeNs: 0n, bytes }));
    writeFileSync(
      file,
      Buffer.concat([encodeSectionHeader(), encodeInterfaceDescription('weft'), ...packets]),
    );
    const text = tcpdump('-vv', file).join('\n');
    expect(text.match(/\[icmp6 sum ok\]/g)).toHaveLength(3);
    expect(text).not.toMatch(/bad|wrong|cksum 0x\S+ \(/);
    expect(text).toContain('Flags [solicited, override]');
    expect(tcpdumpLines(file)).toEqual(written.map((bytes) => summarizeFrame(decodeFrame(bytes))));
  });
});

/** Two namespaces, a veth pair as underlay, a tunnel on it, addresses right on the VXLAN devices. */
function makeTunnel(): void {
  for (const namespace of [one, two]) ip(`netns add ${namespace}`);
  ip(`link add eth0 netns ${one} type veth peer name eth0 netns ${two}`);
  for (const [namespace, number] of [
    [one, 1],
    [two, 2],
  ] as const) {
    const vtep = `local 10.99.0.${number} remote 10.99.0.${3 - number} dstport 4789 ttl 64`;
    ip(`-n ${namespace} addr add 10.99.0.${number}/24 dev eth0`);
    ip(`-n ${namespace} link set eth0 up`);
    ip(`-n ${namespace} link add vxlan0 type vxlan id 1048576 ${vtep}`);
    ip(`-n ${namespace} addr add 10.1.0.${number + 1}/24 dev vxlan0`);
    ip(`-n ${namespace} addr add fd01::${number + 1}/64 dev vxlan0 nodad`);
  }
}

/** Begins when tcpdump listens; the answer stops it once its file is complete. */
async function startCapture(namespace: string, file: string): Promise<() => Promise<void>> {
  const tcpdump = ['tcpdump', '-i', 'eth0', '-U', '--immediate-mode', '-w', file, 'udp port 4789'];
  const child = spawn('ip', ['netns', 'exec', namespace, ...tcpdump], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await once(child.stderr, 'data'); // "listening on eth0"
  return async () => {
    await sleep(200);
    child.kill('SIGINT');
    await once(child, 'exit');
  };
}

function ping(target: string, ...options: string[]): void {
  run('ip', 'netns', 'exec', one, 'ping', '-n', '-c1', '-W2', ...options, target);
}

/** A SYN and a datagram; the far kernel answers with RST and port unreachable. */
const knockOnClosedPorts = `
  require('node:net').connect(5201, '10.1.0.3').on('error', () => {});
  const socket = require('node:dgram').createSocket('udp4');
  socket.send('closed', 5202, '10.1.0.3', () => socket.close());
`;

function tcpdump(option: string, file: string): string[] {
  return run('tcpdump', '-n', '-S', option, '-r', file).trimEnd().split('\n');
}

/** One line per frame as `summarizeFrame` writes it: inner frame after a bar, no TCP options, ICMP errors by number. */
function tcpdumpLines(file: string): string[] {
  return tcpdump('-t', file)
    .join('\n')
    .replace(/(VXLAN, .*)\n/g, '$1 | ')
    .replace(/ options \[.*?\],/g, '')
    .replace(/ICMP \S+ udp port \d+ unreachable/g, 'ICMP type 3 code 3')
    .split('\n');
}

/** tcpdump's own format: a header of 24 bytes, then seconds, microseconds, captured and original length, bytes. */
function readPcap(file: Buffer): { timeNs: bigint; bytes: Uint8Array }[] {
  const frames = [];
  for (let at = 24; at < file.length; ) {
    const length = file.readUInt32LE(at + 8);
    const timeNs = BigInt(file.readUInt32LE(at)) * 1_000_000_000n + BigInt(file.readUInt32LE(at + 4)) * 1000n;
    frames.push({ timeNs, bytes: file.subarray(at + 16, at + 16 + length) });
    at += 16 + length;
  }
  return frames;
}
