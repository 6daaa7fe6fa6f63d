/**
 * Network-order reads and writes. Callers check bounds first: every reader of this room compares its fixed
 * length with what is there before it touches a byte, so nothing here can run off the end of a frame.
 */

export function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function u24(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | u16(bytes, at + 1);
}

export function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 0x10000 + u16(bytes, at + 2);
}

export function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

export function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** `8` → `08`: hexadecimal, lower case, as many digits as the field has. */
export function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
