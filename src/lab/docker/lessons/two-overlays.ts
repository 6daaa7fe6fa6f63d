import { addressOf, type Notebook, ping, run } from '../notebook.ts';

export const TITLE = 'Two networks, and a container in both';
export const QUESTION = 'What keeps networks apart, and how does one container get into two?';

/** After the lesson on the overlay: `a1` and `a2` are in `ov1`. */
export async function teach(notes: Notebook): Promise<void> {
  await notes.type('h2', 'weft network create ov2 --subnet 10.41.0.0/24');
  await notes.becomes(async () => !(await notes.ask('h1', 'docker network inspect ov2')).failed);
  await notes.type('h2', run('b2', '--network ov2'));
  const address = await addressOf(notes, 'h2', 'b2', 'ov2');
  await notes.type('h1', ping('a1', address));
  notes.look('a1 is in ov1 alone. Between two networks there is no route, no bridge and no VNI in common.');
  notes.claim(
    'Containers of different networks do not reach each other.',
    await notes.reachesNot('h1', 'a1', address),
  );

  await notes.type('h1', 'docker network connect ov2 a1');
  const reached = await notes.becomes(() => notes.reaches('h1', 'a1', 'b2'));
  await notes.type('h1', 'docker exec a1 /bin/busybox ip -4 addr');
  notes.look('The running container got one more interface, with an address of ov2.');
  await notes.type('h1', ping('a1', 'b2'));
  notes.claim('Connected to both, a1 reaches both.', reached && (await notes.reaches('h1', 'a1', 'a2')));
  notes.claim('a2 still does not reach ov2: a1 does not route.', await notes.reachesNot('h2', 'a2', address));
}
