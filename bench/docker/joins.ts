import { runOrThrow } from '#lab/run.ts';
import { addressOf, type Kind, networkOf, type RemoteKind, type Stage, sandboxOf, sleeper } from './stage.ts';

/** Milliseconds, in the order in which they were measured. */
export interface Joins {
  readonly connect: number[];
  readonly disconnect: number[];
  /** `docker run -d`, as a user types it. */
  readonly run: number[];
  /** From the answer to the start of a container to the first answered ping across hosts. */
  readonly firstPing: number[];
}

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const beginMs = performance.now();
  await work();
  return performance.now() - beginMs;
};

/** `docker network connect` and `disconnect` of a container that runs. */
export async function measureConnects({ api }: Stage, kind: Kind, count: number, into: Joins): Promise<void> {
  const { Id } = await api.ask('POST', '/containers/create', sleeper('bridge'));
  await api.ask('POST', `/containers/${Id}/start`);
  const network = `/networks/${networkOf(kind)}`;
  for (let i = 0; i < count; i++) {
    into.connect.push(await timed(() => api.ask('POST', `${network}/connect`, { Container: Id })));
    into.disconnect.push(await timed(() => api.ask('POST', `${network}/disconnect`, { Container: Id })));
  }
  await api.ask('DELETE', `/containers/${Id}?force=1`);
}

export async function measureRuns({ world }: Stage, kind: Kind, count: number, into: Joins): Promise<void> {
  const engine = world.engine('h1');
  for (let i = 0; i < count; i++) {
    into.run.push(await timed(() => engine.run('ran', '--network', networkOf(kind))));
    await engine.docker('rm', '-f', 'ran');
  }
}

/** The ping is one of this machine's, in the container's namespace: nothing has to start inside first. */
export async function measureFirstPing(stage: Stage, kind: RemoteKind, into: Joins): Promise<void> {
  const { api } = stage;
  const address = await addressOf(stage, kind);
  const { Id } = await api.ask('POST', '/containers/create', sleeper(networkOf(kind)));
  await api.ask('POST', `/containers/${Id}/start`);
  const beginMs = performance.now();
  const { NetworkSettings } = await api.ask('GET', `/containers/${Id}/json`);
  const file = sandboxOf(stage, 'h1', NetworkSettings.SandboxKey);
  // With -w it goes on until one is answered.
  const ping = ['ping', '-n', '-q', '-c', '1', '-i', '0.002', '-w', '10', address];
  await runOrThrow('nsenter', [`--net=${file}`, ...ping]);
  into.firstPing.push(performance.now() - beginMs);
  await api.ask('DELETE', `/containers/${Id}?force=1`);
}
