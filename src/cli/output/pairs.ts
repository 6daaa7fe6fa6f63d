import { printable } from './printable.ts';
import type { Style } from './style.ts';
import { wrapWords } from './wrap.ts';

export type Pair = readonly [key: string, value: string | number | readonly string[]];

/** `key  value` lines under a title; a list takes one line an item, an empty one shows as "-". Ends with a newline. */
export function formatPairs(title: string, pairs: readonly Pair[], style: Style): string {
  const width = Math.max(...pairs.map(([key]) => key.length));
  const lines = pairs.flatMap(([key, value]) => {
    const values: readonly string[] = Array.isArray(value) ? value : [String(value)];
    const shown = (values.length > 0 ? values : ['-']).flatMap((text) =>
      wrapWords(printable(text) || '-', style.width - width - 4),
    );
    return shown.map((text, i) => `  ${style.dim((i === 0 ? key : '').padEnd(width))}  ${text}`);
  });
  return `${[style.bold(printable(title)), ...lines].join('\n')}\n`;
}
