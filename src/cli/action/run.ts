import { type AgentOptions, readAgentConfig } from '../config/agent-settings.ts';
import { readControllerConfig } from '../config/controller-settings.ts';
import { rootOf } from '../session.ts';
import type { World } from '../world.ts';

type RunOptions = Readonly<Record<string, unknown>> & { readonly root?: string; readonly config?: string };

/** Runs until it is told to stop; resolves after a clean stop. */
export const runController = (world: World, options: RunOptions): Promise<void> =>
  world.runController(readControllerConfig(sourcesOf(world, options)), world.stop());

export const runAgent = (world: World, options: RunOptions): Promise<void> =>
  world.runAgent(readAgentConfig(sourcesOf(world, options)), world.stop());

const sourcesOf = (world: World, options: RunOptions): AgentOptions => ({
  root: rootOf(world, options),
  config: options.config,
  flags: options,
  env: world.env,
});
