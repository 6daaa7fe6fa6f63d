import { afterAll, afterEach, beforeAll, describe, test } from 'vitest';
import { buildIfStale, PROGRAM } from '../cluster/lab-cli.ts';
import { absenceOf, ENGINES, type EngineVersion, fetchDocker } from '../world/docker-engine.ts';
import { DockerWorld } from '../world/docker-world.ts';

fetchDocker();

/** The same tests on every engine that there is, one world for all of them; of one that there is not, a skip says why. */
export function onEngines(
  title: string,
  tests: (world: () => DockerWorld, version: EngineVersion) => void,
  hosts: readonly string[] = ['h1', 'h2'],
): void {
  describe.sequential.each(ENGINES)(`${title}, Docker %s`, (version) => {
    const absence = absenceOf(version);
    if (absence) return test.skip(absence);
    let world: DockerWorld;
    beforeAll(async () => {
      buildIfStale();
      world = new DockerWorld({ program: PROGRAM, version, hosts });
      await world.startAll();
    });
    afterAll(() => world?.remove());
    afterEach(({ task }) => {
      if (task.result?.state === 'fail') console.error(world.logs());
    });
    tests(() => world, version);
  });
}

/** What a command that is to fail says. */
export const refusalOf = (command: Promise<unknown>): Promise<string> =>
  command.then(
    (answer) => {
      throw new Error(`it went well: ${answer}`);
    },
    (error: { stderr?: string; message: string }) => error.stderr ?? error.message,
  );
