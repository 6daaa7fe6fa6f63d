import { crc32 } from 'node:zlib';
import { RECORD_SCHEMA } from '#model/records.ts';
import { corruptError } from './file-error.ts';
import { StoreError } from './store-error.ts';

/**
 * What the embedded store keeps under a key: four bytes of CRC-32 over key and payload, then the payload. A value
 * that was garbled, or that stands under another key than its own, does not open.
 */
export function seal(key: Buffer, payload: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(4 + payload.length);
  sealed.writeUInt32LE(crc32(payload, crc32(key)));
  sealed.set(payload, 4);
  return sealed;
}

/** The payload, or StoreError 'corrupt'; `path` is for the message. */
export function unseal(key: Buffer, sealed: Buffer, path: string): Buffer {
  const payload = sealed.subarray(4);
  if (sealed.length < 4 || sealed.readUInt32LE() !== crc32(payload, crc32(key)))
    throw corruptError(path, `the value of "${key.toString('latin1')}" fails its checksum`);
  return payload;
}

/** Versioned data as a payload. */
export const encodeVersioned = (data: object): Buffer =>
  Buffer.from(JSON.stringify({ schema: RECORD_SCHEMA, data }));

/** Reads what {@link encodeVersioned} wrote (the seal vouches for that); a newer schema is StoreError 'newer-schema'. */
export function decodeVersioned<T>(payload: Buffer, path: string): T {
  const { schema, data } = JSON.parse(payload.toString('utf8')) as { schema: number; data: T };
  if (schema > RECORD_SCHEMA)
    throw new StoreError(
      'newer-schema',
      `${path}: written with schema ${schema}; this Weft reads up to ${RECORD_SCHEMA}`,
      'upgrade this Weft, or restore a backup that is older',
    );
  return data;
}
