import { describe, expect, it } from 'vitest';
import { capturedFrames } from './captured-frames.testdata.ts';
import { classifyFrame } from './classify.ts';
import { decodeFrame } from './decode.ts';
import { describeLayers } from './describe.ts';
import { explainFrame } from './explain.ts';
import { hexdump } from './hexdump.ts';
import type { Layer } from './layer.ts';
import { summarizeFrame } from './summarize.ts';

/** mulberry32: a seed names a run, so a failing one can be repeated. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const frames = Object.values(capturedFrames);

/** A real frame with up to eight bytes replaced, often by an extreme, and perhaps an end cut off or random bytes added. */
function hostileFrame(random: (below: number) => number): Uint8Array {
  const frame = frames[random(frames.length)]!.slice();
  for (let flips = random(9); flips > 0; flips--) {
    frame[random(frame.length)] = [0, 1, 0x7f, 0xff, random(256)][random(5)]!;
  }
  if (random(2) === 0) return frame.subarray(0, random(frame.length + 1));
  return Uint8Array.from([...frame, ...Array.from({ length: random(40) }, () => random(256))]);
}

/** The spans cover the frame once, in order, and inner layers come after outer ones. */
function tiles(layers: Layer[], length: number): boolean {
  const ends = [0, ...layers.map((layer) => layer.end)];
  return (
    layers.every((layer, index) => layer.start === ends[index] && layer.end >= layer.start) &&
    ends.at(-1) === length
  );
}

/** A view whose reads outside the frame throw, where an array gives undefined and a subarray less than was asked. */
function guarded(frame: Uint8Array): Uint8Array {
  return new Proxy(frame, {
    get(target, key) {
      if (typeof key === 'string' && /^-?\d+$/.test(key) && !(key in target))
        throw new Error(`read at ${key}`);
      if (key === 'subarray') return (start: number, end: number) => checkedSubarray(target, start, end);
      return Reflect.get(target, key, target);
    },
  });
}

function checkedSubarray(frame: Uint8Array, start: number, end: number): Uint8Array {
  if (end > frame.length) throw new Error(`read up to ${end}`);
  return frame.subarray(start, end);
}

describe('8,000 hostile frames', () => {
  it.each([1, 2, 3, 4])('of seed %i are all read, in bounds and to the last byte', (seed) => {
    const random = randomFrom(seed);
    for (let round = 0; round < 2000; round++) {
      const frame = hostileFrame(random);
      const layers = decodeFrame(guarded(frame));
      expect(tiles(layers, frame.length), `seed ${seed} round ${round}`).toBe(true);
      const told = [
        ...describeLayers(layers),
        summarizeFrame(layers),
        explainFrame(layers),
        ...hexdump(frame, layers),
      ];
      expect(told.filter((line) => /undefined|NaN|\[object/.test(line))).toEqual([]);
      expect(classifyFrame(layers).kind).toBeTypeOf('string');
    }
  });

  it('and noise without any structure', () => {
    const random = randomFrom(5);
    for (let round = 0; round < 2000; round++) {
      const frame = Uint8Array.from({ length: random(200) }, () => random(256));
      expect(tiles(decodeFrame(guarded(frame)), frame.length), `round ${round}`).toBe(true);
    }
  });
});
