import { type Notebook, ping, run } from '../notebook.ts';

export const TITLE = "Two hosts' own bridges, joined";
export const QUESTION =
  'Docker made a network of one host on each of two hosts, with the same subnet. How do their containers meet?';

/** Docker's networks stay what they are; `weft network adopt` puts a VXLAN device into each one's bridge. */
export async function teach(notes: Notebook): Promise<void> {
  const bridges: Record<string, string> = {};
  for (const [host, container, address] of [
    ['h1', 'c1', '172.18.0.2'],
    ['h2', 'c2', '172.18.0.3'],
  ] as const) {
    const id = await notes.type(host, 'docker network create --subnet 172.18.0.0/16 shared');
    bridges[host] = `br-${id.slice(0, 12)}`;
    await notes.type(host, run(container, `--network shared --ip ${address}`));
  }
  notes.look(
    'Each engine has a bridge of its own, br-<id>, and gives addresses from the same subnet without knowing of the other: --ip keeps them apart.',
  );
  await notes.type('h1', ping('c1', '172.18.0.3'));
  notes.look(
    'Nobody answers the ARP request for 172.18.0.3: it went to every port of a bridge that ends here.',
  );
  notes.claim('Before, c1 does not reach c2.', await notes.reachesNot('h1', 'c1', '172.18.0.3'));

  for (const host of ['h1', 'h2'])
    await notes.type(host, `weft network adopt ${bridges[host]} --network joined`);
  const joined = await notes.becomes(() => notes.reaches('h1', 'c1', '172.18.0.3'));
  await notes.type('h1', `ip link show master ${bridges.h1}`);
  notes.look(
    'Beside the container’s veth the bridge has one more port, wfx…: the VXLAN device to the other host.',
  );
  await notes.type('h1', ping('c1', '172.18.0.3'));
  notes.claim(
    'Joined, c1 reaches c2, and c2 reaches c1.',
    joined && (await notes.reaches('h2', 'c2', '172.18.0.2')),
  );

  await notes.type('h2', run('alone'));
  const { output } = await notes.ask('h2', `docker inspect -f {{.NetworkSettings.IPAddress}} alone`);
  notes.claim(
    'docker0 (172.17.0.0/16) was not joined and stays apart.',
    await notes.reachesNot('h1', 'c1', output),
  );
  for (const host of ['h1', 'h2']) await notes.type(host, `weft network disown ${bridges[host]}`);
  const { output: after } = await notes.ask('h1', `ip -br link show master ${bridges.h1}`);
  notes.claim('Disowned, the bridge is Docker’s alone again.', !after.includes('wfx'));
}
