import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Makes one call of what is asked for in one turn of the event loop, of `most` at a time, and hands each its own
 * result. Behind the turn: whoever waits for an endpoint has the kernel first.
 */
export function gather<T, R>(
  most: number,
  call: (items: readonly T[]) => Promise<readonly R[]>,
): (item: T) => Promise<R> {
  let open: { readonly items: T[]; readonly results: Promise<readonly R[]> } | undefined;
  const begin = () => {
    const items: T[] = [];
    const results = nextTurn().then(() => {
      if (open?.items === items) open = undefined;
      return call(items);
    });
    return { items, results };
  };
  return async (item) => {
    if (!open || open.items.length === most) open = begin();
    const { items, results } = open;
    const place = items.push(item) - 1;
    return (await results)[place]!;
  };
}
