import { describe, expect, it } from 'vitest';
import { attachEndpoint, sentences, World } from './test-world.ts';

describe('a network from point to point', () => {
  function world(): World {
    const it = new World();
    for (const name of ['h1', 'h2', 'h3']) it.host(name);
    it.network('pair', { mode: 'p2p' });
    for (const name of ['h1', 'h2']) it.endpoint('pair', name, `c-${name}`);
    return it;
  }

  it('takes any number of endpoints of two hosts, and none of a third', () => {
    const it = world();
    it.endpoint('pair', 'h2', 'another');
    expect(sentences(it.ask(attachEndpoint('pair', 'h3', 'c')))).toEqual([
      'conflict',
      'host "h3": would be a third end: network pair goes from point to point, between h1 and h2; use another network, or change this one: `weft network set-mode pair flood`',
    ]);
  });

  it('counts a host that could still attach by itself, until it has given its blocks back', () => {
    const it = world();
    const { id, generation, network } = it.endpoint('pair', 'h2', 'c-h2');
    it.do({ wish: 'detach-endpoint', endpoint: id, generation });
    expect(sentences(it.ask(attachEndpoint('pair', 'h3', 'c')))[0]).toBe('conflict');
    it.do({ wish: 'return-blocks', network, host: 'h2' });
    it.endpoint('pair', 'h3', 'c');
    expect(sentences(it.ask(attachEndpoint('pair', 'h2', 'c-h2')))[0]).toBe('conflict');
  });

  it('is not made of one with three hosts', () => {
    const it = world();
    it.do({ wish: 'change-network', network: 'pair', mode: 'flood', force: false });
    expect(it.snapshot.networkNamed('pair')?.change?.other.mode).toBe('flood');
    const many = new World();
    for (const name of ['h1', 'h2', 'h3']) many.host(name);
    many.network('red');
    for (const name of ['h1', 'h2', 'h3']) many.endpoint('red', name, 'c');
    expect(
      sentences(many.ask({ wish: 'change-network', network: 'red', mode: 'p2p', force: false })),
    ).toEqual([
      'conflict',
      'mode "p2p": has two ends, and network red has h1, h2 and h3; choose another mode, or detach what is on the other hosts',
    ]);
  });
});
