import { expect, it } from 'vitest';
import { sentences, World } from './test-world.ts';

it.each(['name', 'id'] as const)('deletes the network with its blocks and no other, by %s', (by) => {
  const it = new World();
  it.host('h1');
  const [red, blue] = [it.network('Red'), it.network('Blue')];
  for (const { name } of [red, blue]) {
    const { id } = it.endpoint(name, 'h1', 'c');
    it.do({ wish: 'detach-endpoint', endpoint: id, generation: 1 });
  }
  const { changes, subject } = it.do({ wish: 'remove-network', network: by === 'name' ? 'rED' : red.id });
  expect(subject).toEqual(red);
  expect(changes.map((change) => change.verb === 'delete' && change.ref.kind)).toEqual([
    'block',
    'block',
    'network',
  ]);
  expect([...it.snapshot.networks.values()]).toEqual([blue]);
  expect([...it.snapshot.blocks.values()].map((block) => block.network)).toEqual([blue.id, blue.id]);
});

it('is refused while it has endpoints, and lists them', () => {
  const it = new World();
  it.host('h1');
  it.host('h2');
  it.network('red');
  it.endpoint('red', 'h1', 'a');
  const refusal = (list: string) => [
    'conflict',
    `network "red": still has ${list}; detach them first: \`weft endpoint detach\``,
  ];
  expect(sentences(it.try({ wish: 'remove-network', network: 'red' }))).toEqual(
    refusal('endpoint a on host h1'),
  );
  for (const name of ['b', 'c', 'd', 'e', 'f', 'g']) it.endpoint('red', 'h2', name);
  expect(sentences(it.try({ wish: 'remove-network', network: 'red' }))).toEqual(
    refusal(
      'endpoint a on host h1, endpoint b on host h2, endpoint c on host h2, endpoint d on host h2, ' +
        'endpoint e on host h2 and 2 more',
    ),
  );
});

it.each([
  [[], 'red', 'there are none yet: `weft network create NAME` makes one'],
  [['Red', 'blue'], 'rde', 'did you mean Red?'],
  [['Red', 'blue'], 'green', 'known: Red and blue'],
  [['Red', 'Rad'], 'rede', 'did you mean Red?'],
  [['Red', 'blue'], '', 'known: Red and blue'],
  [['Red', 'blue'], '$(reboot)', 'known: Red and blue'],
])('of the absent, with %j there', (names, network, fix) => {
  const it = new World();
  for (const name of names) it.network(name);
  expect(sentences(it.try({ wish: 'remove-network', network }))).toEqual([
    'absent',
    `network "${network}": there is no such network; ${fix}`,
  ]);
});

it('is quick to hint, however much was written and is known', () => {
  const it = new World();
  const template = it.network('n');
  for (let i = 0; i < 2000; i++)
    it.put({ ...template, id: `${i}` as never, name: `network-${i}-${'x'.repeat(99)}` });
  const before = process.cpuUsage();
  expect(sentences(it.try({ wish: 'remove-network', network: 'network'.repeat(1e6) }))[0]).toBe('absent');
  // Not by the clock: others run on this machine. Compared whole, it would take hours.
  expect(process.cpuUsage(before).user).toBeLessThan(10e6);
});
