import { expect, it, vi } from 'vitest';
import type { KeptVisits } from './kept-visits.ts';
import { type Visit, Visits } from './visit.ts';

it('leaves nothing open when a namespace that it goes into cannot be heard', () => {
  const close = vi.fn();
  const visit = { ns: 'weft-x', opened: { fd: 7 }, close } as unknown as Visit;
  const kept = { take: () => visit, keep: (each: Visit) => each.close() } as unknown as KeptVisits;
  const deaf = () => {
    throw new Error('EMFILE');
  };
  const visits = new Visits({ hostTag: '', containers: [] }, deaf, kept);
  expect(() => visits.to('weft-x')).toThrow('EMFILE');
  visits.close();
  expect(close).toHaveBeenCalledTimes(1);
});
