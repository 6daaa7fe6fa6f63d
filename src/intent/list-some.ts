const SHOWN = 5;

/** `a`, `a and b`, `a, b and c`; a long list is cut: `a, b, c, d, e and 7 more`, never for one. Empty for no items. */
export function listSome(items: Iterable<string>): string {
  const all = [...items];
  if (all.length < 2) return all.join('');
  const shown = all.length > SHOWN + 1 ? [...all.slice(0, SHOWN), `${all.length - SHOWN} more`] : all;
  return `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}
