import { create } from '@bufbuild/protobuf';
import type { RemovalStep } from '#agent/main.ts';
import { ResetResponseSchema } from '#api/gen/weft/v1/agent_pb.ts';
import { type Notice, NoticeSchema } from '#api/gen/weft/v1/records_pb.ts';
import { CliError } from '../cli-error.ts';
import { messageJson, printJson, printNotices, printPlans } from '../output/print.ts';
import { type SessionOptions, withAgent } from '../session.ts';
import type { World } from '../world.ts';

export async function resetAgent(
  world: World,
  options: SessionOptions & { yes?: boolean; dryRun?: boolean },
): Promise<void> {
  const { dryRun, yes, json } = options;
  if (!dryRun && !yes) await askFirst(world);
  let notices: Notice[] = [];
  const response = await withAgent(
    world,
    options,
    ({ agent }, call) => agent.reset({ dryRun }, call),
    async (root) => {
      notices = [create(NoticeSchema, UNTOLD)];
      const steps = await world.resetHost(root, dryRun ?? false);
      return create(ResetResponseSchema, { plan: { host: 'this host', steps: steps.map(copyStep) } });
    },
  );
  if (json)
    return printJson(world, {
      ...(messageJson(ResetResponseSchema, response) as object),
      notices: notices.map((notice) => messageJson(NoticeSchema, notice)),
    });
  if (response.plan && dryRun) printPlans(world, [response.plan]);
  if (!dryRun) world.stdout.write('this host keeps no trace of Weft\n');
  printNotices(world, notices);
}

const copyStep = ({ commands, reason }: RemovalStep) => ({ commands: [...commands], reason });

const UNTOLD = {
  code: 'reset-untold',
  title: 'The controller is not told',
  sentence: 'No agent runs here, so the controller goes on listing this host and its endpoints.',
  next: 'where a controller can be asked: weft host evict HOST, then weft host rm HOST',
};

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
