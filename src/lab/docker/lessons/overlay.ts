import { type Notebook, ping, run } from '../notebook.ts';

export const TITLE = 'One network over two engines';
export const QUESTION =
  'As docker network create -d overlay, but with no swarm, and no key-value store to run.';

export async function teach(notes: Notebook): Promise<void> {
  await notes.type('h1', 'weft network create ov1 --subnet 10.40.0.0/24');
  const appeared = await notes.becomes(
    async () => !(await notes.ask('h2', 'docker network inspect ov1')).failed,
  );
  await notes.type('h2', 'docker network ls --filter driver=weft');
  notes.look('Made on h1 and here on h2: Weft tells every engine, before a container asks for it.');
  notes.claim('A network that is made on one host is on the other.', appeared);

  await notes.type('h1', run('a1', '--network ov1'));
  await notes.type('h2', run('a2', '--network ov1'));
  const named = await notes.becomes(() => notes.reaches('h1', 'a1', 'a2'));
  await notes.type('h1', ping('a1', 'a2'));
  notes.look('The name of a container on another host, asked of the resolver that the container has anyway.');
  notes.claim(
    'Containers reach each other by name, both ways.',
    named && (await notes.reaches('h2', 'a2', 'a1')),
  );

  await notes.type('h1', 'docker exec a1 /bin/busybox ip -4 addr');
  await notes.type('h1', 'docker exec a1 /bin/busybox ip route');
  notes.look(
    'One interface in the overlay, MTU 1450: 50 bytes are for the outer headers. Another in docker_gwbridge, with the default route: the way out, as with Docker’s own overlay.',
  );
  const devices = await Promise.all(['h1', 'h2'].map((host) => describeTunnel(notes, host)));
  notes.look(
    'On each host a namespace weft-… of the network’s own, with a bridge, a VXLAN device of the same VNI and UDP port, and a port for each container: no firewall rule of the host’s touches what is within.',
  );
  notes.claim('Both hosts have it with the same VNI.', devices[0] !== undefined && devices[0] === devices[1]);
  await notes.type('h1', 'weft endpoint ls');
}

/** The VNI, as the kernel says. */
async function describeTunnel(notes: Notebook, host: string): Promise<string | undefined> {
  const { output } = await notes.ask(host, 'ip netns');
  const namespace = /^weft-\S+/m.exec(output)?.[0];
  const shown = await notes.type(host, `ip -n ${namespace} -d link show vxlan0`);
  return /vxlan id (\d+)/.exec(shown)?.[1];
}
