import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { DockerHost } from '#lab/docker/docker-host.ts';
import { composeProgram } from './docker-engine.ts';

const run = promisify(execFile);

/** `docker compose …` on that host, for the project in that directory; what it prints. Throws with what it says. */
export async function compose(
  { socket }: DockerHost,
  project: string,
  ...words: readonly string[]
): Promise<string> {
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}` };
  const { stdout } = await run(composeProgram, words, { cwd: project, env });
  return stdout.trimEnd();
}
