import type { NamespaceName } from '#model/kernel-state.ts';
import { capture, type Capture as PacketCapture } from '#netlink/packet-socket.ts';
import { Visits } from './visit.ts';

export interface CapturedFrame {
  /** Since the epoch, by the kernel's clock at the moment the frame passed. */
  readonly timestampNs: bigint;
  readonly interface: string;
  /** From the Ethernet header on. */
  readonly bytes: Uint8Array;
  /** On the wire; more than there are bytes when the frame was cut. */
  readonly originalLength: number;
  /** As the interface sees it: `out` is sent by this host, or towards the container at a port. */
  readonly direction: 'in' | 'out';
}

export interface CaptureRequest {
  /** The host's or an overlay's; of a container, capture its port. */
  readonly ns: NamespaceName;
  readonly dev: string;
  readonly durationMs?: number;
  /** Ends after so many. */
  readonly frames?: number;
  /** Bytes kept of each frame. */
  readonly snapLength?: number;
}

/** Frames in the order in which they passed. Leaving the loop ends the capture. */
export interface FrameCapture extends AsyncIterable<CapturedFrame> {
  /** Frames that passed and are not among those given: the reader was too slow. */
  dropped(): number;
  /** Frames already captured are still given. Idempotent. */
  stop(): void;
}

/** Frames that wait for a slow reader before more are dropped: some 100 MB at the very worst. */
const MAX_WAITING = 65_536;

/** Captures from now on, whether anybody reads yet or not. Throws NetlinkError: ENOENT, ENODEV, EPERM. */
export function captureFrames({ ns, dev, durationMs, frames, snapLength }: CaptureRequest): FrameCapture {
  const waiting: CapturedFrame[] = [];
  let wake = () => {};
  let left = frames ?? Number.POSITIVE_INFINITY;
  let overflow = 0;
  let source: PacketCapture | undefined;
  const stop = () => {
    clearTimeout(timer);
    source?.close();
    left = 0;
    wake();
  };
  source = openCapture(ns, dev, snapLength, ({ timeNs, bytes, originalLength, outgoing }) => {
    if (left === 0) return;
    if (waiting.length >= MAX_WAITING) {
      overflow++;
      return;
    }
    const direction = outgoing ? 'out' : 'in';
    waiting.push({
      timestampNs: timeNs,
      interface: dev,
      bytes: new Uint8Array(bytes),
      originalLength,
      direction,
    });
    wake();
    if (--left === 0) stop();
  });
  const timer = durationMs === undefined ? undefined : setTimeout(stop, durationMs);
  async function* read(): AsyncGenerator<CapturedFrame> {
    try {
      while (waiting.length > 0 || left > 0) {
        yield* waiting.splice(0);
        if (left > 0 && waiting.length === 0)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      stop();
    }
  }
  return { [Symbol.asyncIterator]: read, dropped: () => source.statistics().dropped + overflow, stop };
}

function openCapture(
  ns: NamespaceName,
  dev: string,
  snapLength: number | undefined,
  onFrame: Parameters<typeof capture>[1],
): PacketCapture {
  const visits = new Visits({ hostTag: '', containers: [] });
  try {
    const visit = visits.to(ns);
    return capture({ ifindex: visit.indexOf(dev), netnsFd: visit.netnsFd, snapLength }, onFrame);
  } finally {
    visits.close();
  }
}
