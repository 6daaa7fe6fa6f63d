import { type WishResponse, WishResponseSchema } from '#api/gen/weft/v1/controller_pb.ts';
import { messageJson, printJson, printNotices, printPlans } from '../output/print.ts';
import { type SessionOptions, withAgent } from '../session.ts';
import type { World } from '../world.ts';

export interface ExposeOptions extends SessionOptions {
  readonly allowOverlap?: boolean;
  readonly dryRun?: boolean;
}

/** Only the agent of the host can give it an address. */
export async function exposeNetwork(world: World, options: ExposeOptions, network: string): Promise<void> {
  const { allowOverlap, dryRun } = options;
  const response = await withAgent(world, options, ({ agent }, call) =>
    agent.exposeNetwork({ network, allowOverlap, dryRun }, call),
  );
  print(world, options, response, `network ${network} ${dryRun ? 'would be' : 'is'} exposed on this host`);
}

export async function hideNetwork(world: World, options: ExposeOptions, network: string): Promise<void> {
  const { dryRun } = options;
  const response = await withAgent(world, options, ({ agent }, call) =>
    agent.hideNetwork({ network, dryRun }, call),
  );
  print(world, options, response, `network ${network} ${dryRun ? 'would be' : 'is'} hidden from this host`);
}

function print(world: World, options: ExposeOptions, response: WishResponse, sentence: string): void {
  if (options.json) {
    printJson(world, messageJson(WishResponseSchema, response));
    return;
  }
  world.stdout.write(`${sentence}\n`);
  if (options.dryRun) printPlans(world, response.plans);
  printNotices(world, response.notices);
}
