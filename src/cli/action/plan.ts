import { PlanResponseSchema } from '#api/gen/weft/v1/agent_pb.ts';
import { messageJson, printJson, printPlans } from '../output/print.ts';
import { type SessionOptions, withAgent } from '../session.ts';
import type { World } from '../world.ts';

export async function showPlan(world: World, options: SessionOptions): Promise<void> {
  const response = await withAgent(world, options, ({ agent }, call) => agent.plan({}, call));
  if (options.json) return printJson(world, messageJson(PlanResponseSchema, response));
  printPlans(world, response.plan ? [response.plan] : []);
}
