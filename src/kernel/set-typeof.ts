import type { ValueType } from '#model/filter.ts';

/*
 * An integer within a key is of no certain length to nft(8), unless the set's userdata says what it is of: without it,
 * it shows such keys wrongly. Numbers: NFTNL_UDATA_SET_* of libnftnl, expr_types and proto_desc_id of libnftables.
 */

const [KEY_BYTE_ORDER, KEY_TYPEOF] = [0, 3];
const [EXPR_PAYLOAD, EXPR_CONCAT] = [7, 13];

/** Of a payload: protocol and field; of bytes without a name also header, offset and length in bits. */
const PAYLOADS: Partial<Record<ValueType, readonly number[]>> = {
  u16: [6, 2],
  vni: [0, 0, 3, 96, 32],
  ipv4: [12, 11],
  ipv6: [13, 8],
};

const entry = (type: number, data: readonly number[]): number[] => [type, data.length, ...data];
const number = (type: number, value: number): number[] => entry(type, [value, 0, 0, 0]);
const expression = (kind: number, data: readonly number[]): number[] => [
  ...number(0, kind),
  ...entry(1, data),
];

/** Undefined when nft(8) needs none. */
export function typeofKey(types: readonly ValueType[]): Uint8Array | undefined {
  const payloads = types.map((type) => PAYLOADS[type]);
  if (!types.includes('vni') || types.length === 1 || payloads.includes(undefined)) return undefined;
  const parts = payloads.map((payload = []) =>
    expression(
      EXPR_PAYLOAD,
      payload.flatMap((value, i) => number(i, value)),
    ),
  );
  const key = expression(
    EXPR_CONCAT,
    parts.flatMap((part, i) => entry(i, part)),
  );
  return Uint8Array.from([...number(KEY_BYTE_ORDER, 0), ...entry(KEY_TYPEOF, key)]);
}
