import { type Notebook, ping, run } from '../notebook.ts';

export const TITLE = 'Out of a network, and into it';
export const QUESTION = 'How do containers reach the outside, and how do others reach them?';

const UNDERLAY = { h1: '10.99.0.1', h2: '10.99.0.2' } as const;

/** After the lesson on the overlay: `a1` and `a2` are in `ov1`. */
export async function teach(notes: Notebook): Promise<void> {
  await notes.type('h1', ping('a1', UNDERLAY.h2));
  notes.look('By docker_gwbridge and behind the host’s own address: h2 sees a packet of h1.');
  notes.claim('A container reaches the outside.', await notes.reaches('h1', 'a1', UNDERLAY.h2));

  const serve = 'docker run -d --stop-signal KILL --name web --network ov1 -p 8080:80 busybox';
  const id = await notes.type('h1', `${serve} /bin/busybox httpd -f -p 80 -h /etc`);
  const wget = `/bin/busybox wget -q -O - http://${UNDERLAY.h1}:8080/hostname`;
  const said = await notes.type('h2', `docker run --rm busybox ${wget}`);
  notes.look('Asked from a container of h2 that is in no network of Weft: port 8080 of h1 leads to web.');
  notes.claim('A published port is reached from another machine.', said !== '' && id.startsWith(said));

  await notes.type('h2', 'weft network create closed --internal --subnet 10.42.0.0/24');
  await notes.becomes(async () => !(await notes.ask('h1', 'docker network inspect closed')).failed);
  await notes.type('h1', run('i1', '--network closed'));
  await notes.type('h1', ping('i1', UNDERLAY.h2));
  notes.look('No default route: an internal network has no way out.');
  notes.claim('An internal network is closed.', await notes.reachesNot('h1', 'i1', UNDERLAY.h2));
}
