import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { namedNamespacePath } from '#netlink/named-namespace.ts';
import type { CapturedFrame } from '#netlink/packet-ring.ts';
import { type Capture, capture } from '#netlink/packet-socket.ts';
import { classifyFrame, type FrameClass } from '#packet/classify.ts';
import { decodeFrame } from '#packet/decode.ts';
import type { Layer } from '#packet/layer.ts';
import type { DemoContainer, DemoHost, Topology } from './report.ts';

/** How long a frame may wait in the ring for others: with its 32 blocks, pauses of nearly a second lose none. */
const LATENCY_MS = 30;
/** Longer than that. */
const SETTLE_MS = 100;

export interface SeenFrame {
  readonly timeNs: bigint;
  readonly bytes: Buffer;
  readonly layers: Layer[];
  readonly is: FrameClass;
}

/** All that was seen between start and stop. */
export interface Seen {
  readonly seconds: number;
  readonly dropped: number;
  /** What each host sent into the underlay; each frame once, since arrivals are not counted. */
  readonly sent: ReadonlyMap<DemoHost, readonly SeenFrame[]>;
  /** What passed the one watched container's interface, both ways. */
  readonly atContainer: readonly SeenFrame[];
}

/** Begins to capture on every host's underlay interface and on one container's; the result stops and gives all. */
export function watchUnderlay(topology: Topology, container: DemoContainer): () => Promise<Seen> {
  const begin = performance.now();
  const ports = [...new Set(topology.hosts.flatMap(({ tunnels }) => tunnels.map(({ port }) => port)))];
  const sent = new Map(topology.hosts.map((host) => [host, [] as SeenFrame[]]));
  const atContainer: SeenFrame[] = [];
  const captures: Capture[] = [];
  const stop = () => {
    for (const each of captures) each.close();
  };
  try {
    for (const [host, frames] of sent)
      captures.push(
        captureAt(host, (frame) => {
          if (frame.outgoing) frames.push(see(frame, ports));
        }),
      );
    captures.push(captureAt(container, (frame) => atContainer.push(see(frame, ports))));
  } catch (error) {
    stop();
    throw error;
  }
  return async () => {
    await sleep(SETTLE_MS);
    const dropped = captures.reduce((sum, each) => sum + each.statistics().dropped, 0);
    stop();
    return { seconds: (performance.now() - begin) / 1000, dropped, sent, atContainer };
  };
}

function captureAt(
  { namespace, ifindex }: { readonly namespace: string; readonly ifindex: number },
  onFrame: (frame: CapturedFrame) => void,
): Capture {
  const netnsFd = fs.openSync(namedNamespacePath(namespace), 'r');
  try {
    return capture({ netnsFd, ifindex, latencyMs: LATENCY_MS }, onFrame);
  } finally {
    fs.closeSync(netnsFd);
  }
}

function see(frame: CapturedFrame, ports: readonly number[]): SeenFrame {
  // The bytes are only lent.
  const bytes = Buffer.from(frame.bytes);
  const layers = decodeFrame(bytes, ports);
  return { timeNs: frame.timeNs, bytes, layers, is: classifyFrame(layers) };
}
