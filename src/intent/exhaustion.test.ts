import { expect, it } from 'vitest';
import { allExhaustionNotices } from './exhaustion.ts';
import { attachEndpoint, World } from './test-world.ts';

const codes = (notices: readonly { code: string }[]) => notices.map(({ code }) => code);

it('a subnet that fills up is told of at the attach that crosses the line, and at every look after', () => {
  const it = new World();
  it.host('h1');
  it.network('red', { subnets: ['10.1.0.0/28'] });
  const told = Array.from({ length: 13 }, (_, i) =>
    codes(it.do(attachEndpoint('red', 'h1', `c${i}`)).notices),
  );
  // Ten blocks' worth: the last block is owned with the 11th, which is the one that makes 84 %.
  expect(told.slice(0, 10)).toEqual(told.slice(0, 10).map(() => []));
  expect(told.slice(10)).toEqual([['subnet-filling'], ['subnet-filling'], ['subnet-full']]);
  expect(allExhaustionNotices(it.snapshot)).toEqual([
    {
      code: 'subnet-full',
      title: 'A subnet is full',
      sentence: 'Network red takes no more endpoints: 13 of 13 addresses of 10.1.0.0/28 are used (100 %).',
      next: expect.stringContaining('larger'),
    },
  ]);
});

it('the last block is told of when it is owned, whoever has room left in theirs', () => {
  const it = new World();
  it.network('red', { subnets: ['10.1.0.0/28', 'fd00:1::/64'] });
  const told = ['h1', 'h2', 'h3', 'h4'].map((name) => {
    it.host(name);
    return codes(it.do(attachEndpoint('red', name, 'c')).notices);
  });
  expect(told).toEqual([[], [], [], ['blocks-exhausted']]);
  expect(codes(allExhaustionNotices(it.snapshot))).toEqual(['blocks-exhausted']);
});

it('a subnet too small for blocks has none to lose', () => {
  const it = new World();
  it.host('h1');
  it.network('red', { subnets: ['10.1.0.0/29'] });
  expect(codes(it.do(attachEndpoint('red', 'h1', 'c')).notices)).toEqual([]);
});
