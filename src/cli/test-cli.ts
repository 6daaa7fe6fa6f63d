import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ServiceImpl } from '@connectrpc/connect';
import { Command } from 'commander';
import type { AgentConfig } from '#agent/config.ts';
import { AgentService } from '#api/gen/weft/v1/agent_pb.ts';
import { ControllerService } from '#api/gen/weft/v1/controller_pb.ts';
import type { ControllerConfig } from '#controller/config.ts';
import { agentPaths, controllerPaths } from '#model/paths.ts';
import { type Server, serve } from '#transport/server.ts';
import { runCli } from './run-cli.ts';
import type { World } from './world.ts';

/** A root of its own for one test; `serve` puts a real server on its sockets. */
export interface TestHost {
  readonly root: string;
  serve(role: 'agent' | 'controller', handlers: Handlers): Promise<void>;
  run(...args: readonly string[]): Promise<Run>;
  close(): Promise<void>;
}

export interface Handlers {
  readonly agent?: Partial<ServiceImpl<typeof AgentService>>;
  readonly controller?: Partial<ServiceImpl<typeof ControllerService>>;
}

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function createTestHost(): TestHost {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-cli-'));
  const servers: Server[] = [];
  return {
    root,
    async serve(role, { agent = {}, controller = {} }) {
      const { socket } = role === 'agent' ? agentPaths(root) : controllerPaths(root);
      const server = await serve({ kind: 'unix', path: socket }, (router) => {
        if (role === 'agent') router.service(AgentService, agent);
        router.service(ControllerService, controller);
      });
      servers.push(server);
    },
    run: (...args) => runForTest(args, { env: { WEFT_ROOT: root } }),
    async close() {
      await Promise.all(servers.map((server) => server.close()));
      fs.rmSync(root, { recursive: true });
    },
  };
}

/** Runs one command line in this process, as main.ts does, and gives what it printed. */
export async function runForTest(args: readonly string[], world: Partial<World> = {}): Promise<Run> {
  let stdout = '';
  let stderr = '';
  const code = await runCli(args, {
    env: {},
    stdout: {
      write: (text) => {
        stdout += text;
      },
    },
    stderr: {
      write: (text) => {
        stderr += text;
      },
    },
    stop: () => new AbortController().signal,
    runController: async (_: ControllerConfig) => {},
    runAgent: async (_: AgentConfig) => {},
    resetHost: async () => [],
    loadLab: async () => new Command('lab').action(() => {}),
    ...world,
  });
  return { code, stdout, stderr };
}
