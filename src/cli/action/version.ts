import { HelloResponseSchema } from '#api/gen/weft/v1/controller_pb.ts';
import { API_VERSION, PROGRAM_VERSION } from '#api/version.ts';
import { CliError, NotPermitted } from '../cli-error.ts';
import { messageJson, printJson } from '../output/print.ts';
import { type SessionOptions, withController } from '../session.ts';
import type { World } from '../world.ts';

/** This command's version needs nobody; the other side's is told when it answers. */
export async function showVersion(world: World, options: SessionOptions): Promise<void> {
  let absence = 'no agent or controller answers here';
  const server = await withController(world, options, async ({ controller }) =>
    controller.hello({}, { timeoutMs: 3000 }),
  ).catch((error: unknown) => {
    if (!(error instanceof CliError) || error.exit !== 'unreachable') throw error;
    if (error instanceof NotPermitted) absence = `${error.message}: ${error.next}`;
    return undefined;
  });
  if (options.json)
    return printJson(world, {
      client: { version: PROGRAM_VERSION, apiVersion: API_VERSION, node: process.version },
      server: server ? messageJson(HelloResponseSchema, server) : null,
    });
  world.stdout.write(`weft ${PROGRAM_VERSION}, API ${API_VERSION}, Node ${process.version.slice(1)}\n`);
  if (!server) return void world.stdout.write(`${absence}\n`);
  const { role, version, apiVersion, hostName, connected } = server;
  const following =
    role === 'agent' ? (connected ? ', follows its controller' : ', cut off from its controller') : '';
  world.stdout.write(`${role}${hostName ? ` ${hostName}` : ''} ${version}, API ${apiVersion}${following}\n`);
}
