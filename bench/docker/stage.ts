import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { IMAGE } from '#lab/docker/busybox-image.ts';
import { cleaningUp } from '#lab/interrupt.ts';
import { until } from '#lab/until.ts';
import type { EngineVersion } from '../../test/world/docker-engine.ts';
import { DockerWorld } from '../../test/world/docker-world.ts';
import { EngineApi } from './engine-api.ts';
import { VethDriver } from './veth-driver.ts';

/** What a container is joined to: Weft, its peer, Docker's network of one host, and the floor. */
export const KINDS = ['weft', 'swarm', 'bridge', 'veth'] as const;
export type Kind = (typeof KINDS)[number];
/** Those that reach a container on the other host, which is called like this. */
export const REMOTE = { weft: 'weft-there', swarm: 'swarm-there' } as const;
export type RemoteKind = keyof typeof REMOTE;

/** Two hosts with engines, and a network of each kind, named after it. */
export interface Stage {
  readonly world: DockerWorld;
  /** Of the first host. */
  readonly api: EngineApi;
  readonly kinds: readonly Kind[];
}

/** Runs `work` on it; nothing is left afterwards, also on Ctrl-C. */
export async function onStage<T>(
  program: string,
  version: EngineVersion,
  work: (stage: Stage) => Promise<T>,
): Promise<T> {
  const world = new DockerWorld({ program: path.resolve(program), version });
  let veth: VethDriver | undefined;
  const clean = async () => {
    veth?.close();
    await world.remove();
  };
  const result = await cleaningUp(async (signal) => {
    const aborted = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason)),
    );
    const working = (async () => {
      await world.startAll();
      const { machine } = world.engine('h1');
      veth = new VethDriver(machine.inside('/run/docker/plugins/veth.sock'), machine.namespace);
      return work(await prepare(world));
    })();
    working.catch(() => {});
    return Promise.race([working, aborted]);
  }, clean);
  await clean();
  return result;
}

async function prepare(world: DockerWorld): Promise<Stage> {
  const [here, there] = [world.engine('h1'), world.engine('h2')];
  const create = (...words: readonly string[]) => here.docker('network', 'create', ...words);
  await create('-d', 'veth', '--subnet', '10.66.0.0/16', 'veth');
  await create('--subnet', '10.67.0.0/16', 'bridge-user');
  await here.docker('swarm', 'init', '--advertise-addr', world.underlayOf('h1'));
  const token = await here.docker('swarm', 'join-token', '-q', 'worker');
  await there.docker('swarm', 'join', '--token', token, `${world.underlayOf('h1')}:2377`);
  await create('-d', 'overlay', '--attachable', '--subnet', '10.68.0.0/16', 'swarm');
  const kinds = KINDS.filter((kind) => kind !== 'weft' || hasDoor(world));
  if (kinds.includes('weft')) {
    await create('-d', 'weft', '--ipam-driver', 'weft', '--subnet', '10.69.0.0/16', 'weft');
    await until('h2 has the network', () => there.docker('network', 'inspect', 'weft'));
  }
  for (const kind of ['weft', 'swarm'] as const)
    if (kinds.includes(kind)) await there.run(REMOTE[kind], '--network', kind);
  return { world, api: new EngineApi(here.socket), kinds };
}

/** Of a container of that host: its network namespace, as a file. */
export const sandboxOf = ({ world }: Stage, host: string, key: string): string =>
  // As the host itself resolves it: /var/run is a link, and would lead to this machine's.
  world.engine(host).machine.inside(key.replace('/var/run/', '/run/'));

/** The same under a name in /run/netns. */
export async function nameSandbox(stage: Stage, host: string, container: string): Promise<string> {
  const format = '{{.NetworkSettings.SandboxKey}}';
  const key = await stage.world.engine(host).docker('inspect', '-f', format, container);
  const name = `${stage.world.prefix}-${container}`;
  writeFileSync(`/run/netns/${name}`, '');
  execFileSync('mount', ['--bind', sandboxOf(stage, host, key), `/run/netns/${name}`]);
  return name;
}

/** Of the container of that network on the other host. */
export async function addressOf({ world }: Stage, kind: RemoteKind): Promise<string> {
  const format = `{{(index .NetworkSettings.Networks "${kind}").IPAddress}}`;
  return world.engine('h2').docker('inspect', '-f', format, REMOTE[kind]);
}

const hasDoor = (world: DockerWorld): boolean =>
  world.names.every((host) => existsSync(world.engine(host).machine.inside('/run/docker/plugins/weft.sock')));

/** The name of a network of that kind; one is called `bridge` from the beginning, and has no names in it. */
export const networkOf = (kind: Kind): string => (kind === 'bridge' ? 'bridge-user' : kind);

/** What `POST /containers/create` is given. */
export const sleeper = (network: string): object => ({
  Image: IMAGE,
  Cmd: ['/bin/busybox', 'sleep', '1000000'],
  StopSignal: 'KILL',
  HostConfig: { NetworkMode: network },
});
