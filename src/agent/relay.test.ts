import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ControllerService, HelloResponseSchema } from '#api/gen/weft/v1/controller_pb.ts';
import { type Clients, createClients } from '#transport/client.ts';
import { type Server, serve } from '#transport/server.ts';
import { disownAll } from './adopt.ts';
import { relayRoutes } from './relay.ts';
import { agentRoutes, type ServiceParts } from './service.ts';

let dir: string;
const servers: Server[] = [];
const clients: Clients[] = [];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-relay-'));
});
afterEach(async () => {
  vi.useRealTimers();
  for (const each of clients.splice(0)) each.close();
  await Promise.all(servers.splice(0).map((server) => server.close()));
  fs.rmSync(dir, { recursive: true });
});

function clientOf(name: string): Clients {
  const made = createClients({ kind: 'unix', path: path.join(dir, name) });
  clients.push(made);
  return made;
}

async function relayTo(told: () => Promise<void>, asked = () => {}): Promise<Clients> {
  const still = (): Promise<never> => {
    asked();
    return new Promise(() => {});
  };
  servers.push(
    await serve({ kind: 'unix', path: path.join(dir, 'controller') }, (router) =>
      router.service(ControllerService, { listRecords: still, listHostStatus: still, createNetwork: still }),
    ),
    await serve({ kind: 'unix', path: path.join(dir, 'agent') }, (router) =>
      relayRoutes(
        router,
        clientOf('controller'),
        () => create(HelloResponseSchema),
        async () => [],
        told,
      ),
    ),
  );
  return clientOf('agent');
}

const silence = {
  code: Code.Unavailable,
  rawMessage: 'the agent cannot reach the controller: nothing came within 8 s',
};

test('of a controller that stands still the agent tells who asks', async () => {
  const { controller } = await relayTo(
    async () => {},
    () => vi.advanceTimersByTime(8_000),
  );
  await expect(controller.listRecords({})).rejects.toMatchObject(silence);
  await expect(controller.listHostStatus({})).rejects.toMatchObject(silence);
});

test('of one that stands still when something is wished, too', async () => {
  const { controller } = await relayTo(
    async () => {},
    () => vi.advanceTimersByTime(35_000),
  );
  await expect(controller.createNetwork({}, { timeoutMs: 40_000 })).rejects.toMatchObject({
    code: Code.Unavailable,
    rawMessage:
      'the agent cannot reach the controller: nothing came within 35 s; what was asked for may still happen',
  });
});

test('of a dry run, it does not say that anything may still happen', async () => {
  const { controller } = await relayTo(
    async () => {},
    () => vi.advanceTimersByTime(35_000),
  );
  await expect(controller.createNetwork({ dryRun: true }, { timeoutMs: 40_000 })).rejects.toMatchObject({
    rawMessage: 'the agent cannot reach the controller: nothing came within 35 s',
  });
});

test('of one that stands still when an attach or an adoption is tried, it is the controller that is named', async () => {
  const still = (): Promise<never> => {
    vi.advanceTimersByTime(35_000);
    return new Promise(() => {});
  };
  const controllerAt = { kind: 'unix', path: path.join(dir, 'controller') } as const;
  const agentAt = { kind: 'unix', path: path.join(dir, 'agent') } as const;
  const parts = {
    engine: { state: { name: 'h1' } },
    operator: clientOf('controller'),
    resolveNamespace: () => ({ path: '/run/netns/c1' }),
    inspectBridge: () => '02:00:00:00:00:01',
  } as unknown as ServiceParts;
  servers.push(
    await serve(controllerAt, (router) =>
      router.service(ControllerService, { attachEndpoint: still, adoptBridge: still }),
    ),
    await serve(agentAt, agentRoutes(parts)),
  );
  const { agent } = clientOf('agent');
  const rawMessage = 'the agent cannot reach the controller: nothing came within 35 s';
  const asked = { namespace: 'c1', network: 'app', dryRun: true };
  await expect(agent.attach(asked, { timeoutMs: 40_000 })).rejects.toMatchObject({ rawMessage });
  const adopted = { bridge: 'br1', dryRun: true };
  await expect(agent.adoptBridge(adopted, { timeoutMs: 40_000 })).rejects.toMatchObject({ rawMessage });
});

test('a reset waits for it some seconds, and then goes on without', async () => {
  const still = (): Promise<never> => {
    vi.advanceTimersByTime(8_000);
    return new Promise(() => {});
  };
  servers.push(
    await serve({ kind: 'unix', path: path.join(dir, 'controller') }, (router) =>
      router.service(ControllerService, { disownBridge: still }),
    ),
  );
  const view = { adoptions: new Map([['a1', { host: 'H1', bridge: 'br1' }]]), exposures: new Map() };
  const engine = { state: { name: 'h1', host: 'H1', view } };
  const parts = { engine, operator: clientOf('controller') } as unknown as ServiceParts;
  await expect(disownAll(parts)).resolves.toBeUndefined();
});

test('so it does while there is something that the controller is to be told first', async () => {
  const { controller } = await relayTo(() => {
    setImmediate(() => vi.advanceTimersByTime(8_000));
    return new Promise(() => {});
  });
  await expect(controller.listRecords({})).rejects.toMatchObject(silence);
});
