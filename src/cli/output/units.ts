const UNITS = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
] as const;

/** Large numbers by their power of two: `~2^64`. */
export const formatCount = (count: bigint): string =>
  count < 10_000_000n ? String(count) : `~2^${Math.round(Math.log2(Number(count)))}`;

/** A span as people say it: `12 s`, `5 min`, `3 h`, `2 d`. Clocks that disagree make no negative spans. */
export function formatAge(ms: number): string {
  const unit = UNITS.find((one) => ms >= one.ms);
  return unit ? `${Math.floor(ms / unit.ms)} ${unit.name}` : `${Math.max(0, Math.floor(ms / 1000))} s`;
}
