import type { HeaderLayer, MalformedLayer, Protocol } from './layer.ts';

/** What a reader is given: its bytes are `frame[start, end)`. Readers look nowhere else. */
export interface Part {
  frame: Uint8Array;
  start: number;
  end: number;
  /** False once an outer layer was cut (snap length) or is a fragment: then checksums cannot be verified. */
  complete: boolean;
  /** Sum of both IP addresses, for the pseudo-header; absent where the final destination is unknown. */
  addressSum?: number;
}

/** What a reader says about the bytes after its own layer. */
export interface Next {
  protocol: Protocol | 'payload';
  /** Where the header says that they end; may lie before or beyond what is there. */
  end: number;
  addressSum?: number;
  /** A piece of a datagram: inner lengths are bound to promise more than is here. */
  fragment?: boolean;
}

export type Reading = { layer: HeaderLayer; next: Next } | { layer: MalformedLayer; next?: undefined };

export type Reader = (part: Part) => Reading;

/** The header and, after it, `next`; the usual good end of a reader. */
export function read(layer: HeaderLayer, next: Next): Reading {
  return { layer, next };
}

/** All of the part is unreadable as `at`. */
export function malformed(part: Part, at: Protocol, why: string): Reading {
  const layer: MalformedLayer = { layer: 'malformed', at, why, start: part.start, end: part.end };
  return { layer };
}

/** The complaint when a header of `length` bytes does not fit, else undefined. */
export function tooShort(part: Part, at: Protocol, length: number): Reading | undefined {
  const present = part.end - part.start;
  return present < length ? malformed(part, at, `${present} of ${length} header bytes`) : undefined;
}
