import { create } from '@bufbuild/protobuf';
import { ResetResponseSchema } from '#api/gen/weft/v1/agent_pb.ts';
import { CliError } from '../cli-error.ts';
import { messageJson, printJson, printPlans } from '../output/print.ts';
import { type SessionOptions, withAgent } from '../session.ts';
import type { World } from '../world.ts';

export async function resetAgent(
  world: World,
  options: SessionOptions & { yes?: boolean; dryRun?: boolean },
): Promise<void> {
  const { dryRun, yes, json } = options;
  if (!dryRun && !yes) await askFirst(world);
  const response = await withAgent(
    world,
    options,
    ({ agent }, call) => agent.reset({ dryRun }, call),
    async (root) => {
      const steps = (await world.resetHost(root, dryRun ?? false)).map((step) => ({
        commands: [...step.commands],
        reason: step.reason,
      }));
      return create(ResetResponseSchema, { plan: { host: 'this host (no agent runs)', steps } });
    },
  );
  if (json) return printJson(world, messageJson(ResetResponseSchema, response));
  if (response.plan && dryRun) printPlans(world, [response.plan]);
  if (!dryRun) world.stdout.write('this host keeps no trace of Weft\n');
}

async function askFirst(world: World): Promise<void> {
  if (!world.confirm)
    throw new CliError(
      'usage',
      'reset takes every container of this host off its networks',
      'say --yes to do it',
    );
  if (!(await world.confirm('Take every container of this host off its networks?')))
    throw new CliError('usage', 'nothing was done', 'answer y, or say --yes');
}
