import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CapturedFrame, captureFrames } from '#kernel/capture.ts';
import { add, type KernelWorld } from '#kernel/contract-stage.ts';
import { type ExampleNetwork, exampleNetwork } from '#kernel/example-network.ts';
import { enterHostNamespace, realWorld } from './kernel-lab.ts';
import { descriptorsAtRest, openDescriptors } from './netlink-lab.ts';

let leave: () => void;
beforeAll(() => {
  leave = enterHostNamespace();
});
afterAll(() => leave());

describe('a capture', () => {
  let world: KernelWorld;
  let net: ExampleNetwork;
  let container: string;

  beforeEach(async () => {
    world = realWorld();
    const namespace = world.createContainer();
    container = namespace.path.slice('/run/netns/'.length);
    net = exampleNetwork(world.hostTag, world.underlay, namespace);
    const scope = { hostTag: world.hostTag, containers: [{ namespace, interfaces: ['eth0'] }] };
    const results = await world.kernel.apply(net.objects.map(add), scope);
    expect(results.every(({ ok }) => ok)).toBe(true);
  });
  afterEach(() => world.close());

  /** An ARP request leaves the container, or a ping that the proxy has answered for. */
  const ping = (address: string) => {
    try {
      execFileSync('ip', ['netns', 'exec', container, 'ping', '-c', '1', '-W', '0.2', address], {
        stdio: 'ignore',
      });
    } catch {
      // Nobody is there to answer.
    }
  };
  const etherType = ({ bytes }: CapturedFrame) => (bytes[12]! << 8) | bytes[13]!;

  async function collect(frames: AsyncIterable<CapturedFrame>): Promise<CapturedFrame[]> {
    const all: CapturedFrame[] = [];
    for await (const frame of frames) all.push(frame);
    return all;
  }

  it('gives what passed an interface since its start, in both directions', async () => {
    const capture = captureFrames({ ns: net.ns, dev: net.port.name, durationMs: 500 });
    const before = BigInt(Date.now()) * 1_000_000n;
    ping('10.0.0.3');
    const frames = (await collect(capture)).filter((frame) => etherType(frame) === 0x0806);
    expect(frames.map(({ direction }) => direction)).toEqual(['in', 'out']);
    for (const frame of frames) {
      expect(frame.interface).toBe(net.port.name);
      expect(frame.originalLength).toBe(frame.bytes.length);
      expect(Number(frame.timestampNs - before) / 1e9).toBeCloseTo(0, 0);
    }
    expect(capture.dropped()).toBe(0);
  });

  it('ends after so many frames, cut as asked', async () => {
    const capture = captureFrames({ ns: net.ns, dev: net.port.name, frames: 3, snapLength: 20 });
    ping('10.0.0.3');
    ping('10.0.0.4');
    const frames = await collect(capture);
    expect(frames.length).toBe(3);
    for (const { bytes, originalLength } of frames) {
      expect(bytes.length).toBe(20);
      expect(originalLength).toBeGreaterThan(20);
    }
  });

  it('ends when its reader leaves, and leaves nothing open', async () => {
    const before = await descriptorsAtRest();
    const capture = captureFrames({ ns: net.ns, dev: net.port.name });
    ping('10.0.0.3');
    for await (const _ of capture) break;
    expect(openDescriptors()).toEqual(before);
  });

  it('can be stopped while its reader waits', async () => {
    const capture = captureFrames({ ns: net.ns, dev: 'lo' });
    setTimeout(() => capture.stop(), 20);
    expect(await collect(capture)).toEqual([]);
  });

  it('says so when there is no such interface or namespace', () => {
    expect(() => captureFrames({ ns: net.ns, dev: 'nosuch0' })).toThrow(/ENODEV/);
    expect(() => captureFrames({ ns: 'weft-nosuch', dev: 'lo' })).toThrow(/ENOENT/);
  });
});
