import { nextTick } from 'node:process';

/**
 * Makes one call of what is asked for by one event, of `most` at a time, and hands each its own result. Behind all that
 * follows from the event at once (a tick asked for by a microtask comes when none is left): whoever waits for an endpoint is
 * answered first. But before what else the event loop has, such as what the kernel tells of that endpoint.
 */
export function gather<T, R>(
  most: number,
  call: (items: readonly T[]) => Promise<readonly R[]>,
): (item: T) => Promise<R> {
  let open: { readonly items: T[]; readonly results: Promise<readonly R[]> } | undefined;
  const begin = () => {
    const items: T[] = [];
    const behind = new Promise<void>((resolve) => queueMicrotask(() => nextTick(resolve)));
    const results = behind.then(() => {
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
