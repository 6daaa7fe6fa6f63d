import { setTimeout as sleep } from 'node:timers/promises';
import { captureFrames } from '#kernel/capture.ts';

/** One VXLAN packet that left a host. */
export interface Tunnelled {
  /** Outer source: this host's VTEP. */
  readonly from: string;
  /** Outer destination: a VTEP or a group. */
  readonly to: string;
  readonly vni: number;
  /** The frame inside. */
  readonly mac: string;
  readonly etherType: number;
  readonly inner: Uint8Array;
}

const VXLAN_PORT = 4789;
/** How long frames that an action causes may take to pass. */
const AFTERMATH_MS = 150;

/** What VXLAN packets leave by an interface of a host while something is done. */
export async function tunnelledWhile(
  ns: string,
  act: () => Promise<unknown>,
  dev = 'eth0',
): Promise<Tunnelled[]> {
  const frames = await sentWhile(ns, act, dev);
  return frames.flatMap((bytes) => readTunnelled(Buffer.from(bytes)) ?? []);
}

/** All frames that do. */
export async function sentWhile(
  ns: string,
  act: () => Promise<unknown>,
  dev = 'eth0',
): Promise<Uint8Array[]> {
  const capture = captureFrames({ ns, dev });
  await act();
  await sleep(AFTERMATH_MS);
  capture.stop();
  const sent: Uint8Array[] = [];
  for await (const { bytes, direction } of capture) if (direction === 'out') sent.push(bytes);
  return sent;
}

function readTunnelled(frame: Buffer): Tunnelled | undefined {
  const isIpv6 = frame.readUInt16BE(12) === 0x86dd;
  const at = 14 + (isIpv6 ? 40 : 20);
  if (frame.length < at + 30 || frame[14 + (isIpv6 ? 6 : 9)] !== 17) return undefined;
  if (frame.readUInt16BE(at + 2) !== VXLAN_PORT) return undefined;
  const [from, to] = isIpv6
    ? [ipv6Text(frame.subarray(22, 38)), ipv6Text(frame.subarray(38, 54))]
    : [[...frame.subarray(26, 30)].join('.'), [...frame.subarray(30, 34)].join('.')];
  const inner = frame.subarray(at + 16);
  const mac = [...inner.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  return {
    from: from!,
    to: to!,
    vni: frame.readUIntBE(at + 12, 3),
    mac,
    etherType: inner.readUInt16BE(12),
    inner,
  };
}

const ipv6Text = (bytes: Buffer): string =>
  Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16))
    .join(':')
    .replace(/(^|:)0(:0)+(:|$)/, '::');
