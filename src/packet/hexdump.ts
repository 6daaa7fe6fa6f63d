import { hex } from './bytes.ts';
import type { Layer } from './layer.ts';

const BYTES_PER_LINE = 16;

/**
 * `0010  45 00 00 4e … 63 00  E..N......` lines of 16 bytes. Each run of one layer's bytes, in the hexadecimal and
 * in the text column, passes through `paint` with the index of its layer, so that a terminal can colour what
 * `describeLayers` says at the same index. Columns stay aligned when `paint` adds no visible width.
 */
export function hexdump(
  frame: Uint8Array,
  layers: readonly Layer[],
  paint: (text: string, layerIndex: number) => string = (text) => text,
): string[] {
  const lines: string[] = [];
  for (let start = 0; start < frame.length; start += BYTES_PER_LINE) {
    const end = Math.min(start + BYTES_PER_LINE, frame.length);
    const runs = runsOf(layers, start, end);
    const column = (show: (byte: number) => string, between: string) =>
      runs
        .map((run) => paint(Array.from(frame.subarray(run.start, run.end), show).join(between), run.index))
        .join(between);
    const gap = '   '.repeat(start + BYTES_PER_LINE - end);
    lines.push(`${hex(start, 4)}  ${column((byte) => hex(byte, 2), ' ')}${gap}  ${column(printable, '')}`);
  }
  return lines;
}

/** The layers' parts of `[start, end)`. */
function runsOf(
  layers: readonly Layer[],
  start: number,
  end: number,
): { index: number; start: number; end: number }[] {
  return layers
    .map((layer, index) => ({ index, start: Math.max(layer.start, start), end: Math.min(layer.end, end) }))
    .filter((run) => run.start < run.end);
}

function printable(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
}
