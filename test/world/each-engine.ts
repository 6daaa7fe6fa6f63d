import { afterAll, afterEach, beforeAll, describe, test } from 'vitest';
import { buildIfStale, PROGRAM } from '../cluster/lab-cli.ts';
import { absenceOf, ENGINES, type EngineVersion, fetchDocker } from './docker-engine.ts';
import { DockerWorld } from './docker-world.ts';

/** `world()` is there once the tests run. */
export type Suite = (world: () => DockerWorld, version: EngineVersion) => void;

/** The same tests on hosts with each engine; of one that cannot be had now, a skip that says why. */
export function onEachEngine(hosts: readonly string[], suite: Suite): void {
  fetchDocker();
  describe.sequential.each(ENGINES)('Docker %s', (version) => {
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
    suite(() => world, version);
  });
}
