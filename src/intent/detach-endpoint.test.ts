import { describe, expect, it } from 'vitest';
import type { Id } from '#model/id.ts';
import type { Endpoint } from '#model/records.ts';
import type { Wish } from '#model/wish.ts';
import { sentences, World } from './test-world.ts';

function attached(generation: number): { it: World; endpoint: Endpoint } {
  const it = new World();
  it.host('h1');
  it.network('red');
  const endpoint = { ...it.endpoint('red', 'h1', 'web'), generation };
  it.put(endpoint);
  return { it, endpoint };
}
const detach = (endpoint: string, generation: number): Wish => ({
  wish: 'detach-endpoint',
  endpoint: endpoint as Id,
  generation,
});

it.each([3, 4, 99])('deletes generation 3 when %s was meant; the block stays', (meant) => {
  const { it, endpoint } = attached(3);
  const answer = it.do(detach(endpoint.id, meant));
  expect(answer).toEqual({
    outcome: 'admitted',
    changes: [{ verb: 'delete', ref: { kind: 'endpoint', id: endpoint.id } }],
    subject: endpoint,
    notices: [],
  });
  expect(it.snapshot.endpoints.size).toBe(0);
  expect(it.snapshot.blocks.size).toBe(2);
});

it.each([1, 2])('keeps generation 3 when %s was meant, and says so', (meant) => {
  const { it, endpoint } = attached(3);
  expect(it.do(detach(endpoint.id, meant))).toEqual({
    outcome: 'admitted',
    changes: [],
    subject: endpoint,
    notices: [
      {
        code: 'newer-endpoint-kept',
        title: 'The endpoint stays',
        sentence: `Endpoint web has generation 3 by now; generation ${meant} was to go.`,
        next: 'Detach it again if the newer one should go too.',
      },
    ],
  });
});

it('has nothing to do for the absent, once or twice', () => {
  const { it, endpoint } = attached(1);
  it.do(detach(endpoint.id, 1));
  const nothing = { outcome: 'admitted', changes: [], notices: [] };
  expect(it.do(detach(endpoint.id, 1))).toEqual(nothing);
  expect(it.do(detach('01ARYZ6S410000000000000000', 1))).toEqual(nothing);
});

describe('refuses', () => {
  it.each([0, -1, 1.5, Number.NaN])('generation %s', (generation) => {
    const { it, endpoint } = attached(1);
    expect(sentences(it.try(detach(endpoint.id, generation)))).toEqual([
      'invalid',
      `generation "${generation}": is not a whole number from 1 to 9007199254740991; give one in that range`,
    ]);
  });
  it.each(['web', '', '../x'])('%j, which is no id', (text) => {
    const { it } = attached(1);
    expect(sentences(it.try(detach(text, 1)))).toEqual([
      'invalid',
      `endpoint "${text}": is not an id; give the 26-character id that \`--json\` shows`,
    ]);
  });
});
