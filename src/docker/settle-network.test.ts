import pino from 'pino';
import { describe, expect, it } from 'vitest';
import type { Cidr } from '#model/cidr.ts';
import { fault, reject } from '#model/fault.ts';
import { type EngineApi, EngineError } from './engine-api.ts';
import { NetworkBook } from './network-book.ts';
import { PoolTable } from './pool-table.ts';
import { chooseNetwork, validName } from './settle-network.ts';
import { NetworkSync } from './sync-networks.ts';
import { TestDoor, testNetwork } from './test-door.ts';
import { engine } from './test-drivers.ts';

describe('which network a new one of Docker is', () => {
  const door = new TestDoor();
  const book = new NetworkBook(door.notes);
  const app = door.addNetwork(testNetwork('app', ['10.1.0.0/16', 'fd00:1::/64']));
  const second = door.addNetwork(testNetwork('app-2', ['10.2.0.0/16']));
  const choose = (name: string, ...subnets: string[]) =>
    chooseNetwork({ door, book }, name, { dockerId: 'd1', subnets: subnets as Cidr[] });

  it('is a new one where nobody has the name', () => {
    expect(choose('db', '10.1.0.0/16')).toBe('db');
  });

  it('is the one with the same name and subnets, however they are written', () => {
    expect(choose('APP', 'fd00:1::/64', '10.1.0.0/16')).toBe(app);
  });

  it("has a number where the name is another subnet's, the same on every host", () => {
    expect(choose('app', '10.2.0.0/16')).toBe(second);
    expect(choose('app', '10.3.0.0/16')).toBe('app-3');
    expect(choose('app', '10.1.0.0/16')).toBe('app-3');
  });

  it('is not one that this Docker has already', async () => {
    const words = { gateways: [] };
    await book.add({
      dockerId: 'd0',
      network: second.id,
      subnets: ['10.2.0.0/16' as Cidr],
      named: true,
      words,
    });
    expect(choose('app', '10.2.0.0/16')).toBe('app-3');
  });

  it('is the one with the same name, where nobody asked for a subnet', () => {
    const choose = (name: string, chosen: string[], ...asked: string[]) =>
      chooseNetwork({ door, book: new NetworkBook(new TestDoor().notes) }, name, {
        dockerId: 'd1',
        subnets: [...asked, ...chosen] as Cidr[],
        chosen: chosen as Cidr[],
      });
    expect(choose('app', ['10.9.0.0/16', 'fd00:9::/64'])).toBe(app);
    expect(choose('app', ['10.9.0.0/16'], 'fd00:1::/64')).toBe(app);
    expect(choose('app', ['fd00:9::/64'], '10.3.0.0/16')).toBe('app-3');
    expect(choose('app', ['10.9.0.0/16'])).toBe('app-3');
    expect(choose('app', ['10.2.0.0/16'])).toBe(second);
  });

  it('has a name that is one in DNS', () => {
    expect(validName('my net!')).toBe('my-net-');
    expect(validName('__x')).toBe('x');
    expect(validName('…')).toBe('network');
    expect(validName('x'.repeat(300))).toHaveLength(120);
  });
});

it('knows of a network that is being removed that it goes, whatever is learned of it just then', async () => {
  const door = new TestDoor();
  const book = new NetworkBook(door.notes);
  const dockerId = 'd1';
  for (const isFirst of [true, false]) {
    await book.add({ dockerId, subnets: [], named: false, words: { gateways: [] } });
    const early = isFirst && book.forget(dockerId);
    const update = book.update(dockerId, { engine: 'e1' });
    const late = !isFirst && book.forget(dockerId);
    expect(await update).toBe(false);
    await Promise.all([early, late]);
    expect([book.all(), door.written.size]).toEqual([[], 0]);
  }
});

it('does not make again what its user removed while Weft made it', async () => {
  const door = new TestDoor();
  const book = new NetworkBook(door.notes);
  const host = { Id: 'h'.repeat(64), Name: 'host', Driver: 'host' };
  const Id = 'd'.repeat(64);
  const Config = [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.1' }];
  let inDocker: object[] = [host, { Id, Name: 'brief', Driver: 'weft', IPAM: { Driver: 'weft', Config } }];
  const made: string[] = [];
  const api = {
    networks: async () => inDocker,
    createNetwork: async ({ Name }: { Name: string }) => void made.push(Name),
  } as unknown as EngineApi;
  const create = door.createNetwork.bind(door);
  door.createNetwork = async (words) => {
    inDocker = [host];
    await book.forget(Id);
    return create(words);
  };
  const parts = { door, book, pools: new PoolTable(() => 0), driver: 'weft' };
  const log = pino({ level: 'silent' });
  const sync = new NetworkSync({ ...parts, engine, kick: () => {}, api, log, nowMs: () => 0 });
  // It is taken up, settled, and looked at again.
  for (let i = 0; i < 3; i++) await sync.pass();
  expect(door.made).toMatchObject([{ name: 'brief' }]);
  expect(made).toEqual([]);
});

it('keeps no other network from being made when Docker does not let go of a refused one', async () => {
  const door = new TestDoor();
  door.createNetwork = async () =>
    reject('conflict', fault('subnet', '10.9.0.0/24', 'is routed by this host', 'choose another'));
  door.addNetwork(testNetwork('app', ['10.1.0.0/24']));
  const Config = [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.1' }];
  const made: string[] = [];
  const api = {
    networks: async () => [
      { Id: 'h'.repeat(64), Name: 'host', Driver: 'host' },
      { Id: 'd'.repeat(64), Name: 'old', Driver: 'weft', IPAM: { Driver: 'weft', Config } },
    ],
    removeNetwork: async () => {
      throw new EngineError(403, 'network old has active endpoints');
    },
    createNetwork: async ({ Name }: { Name: string }) => void made.push(Name),
  } as unknown as EngineApi;
  const parts = { door, book: new NetworkBook(door.notes), pools: new PoolTable(() => 0), driver: 'weft' };
  const log = pino({ level: 'silent' });
  const sync = new NetworkSync({ ...parts, engine, kick: () => {}, api, log, nowMs: () => 0 });
  await sync.pass();
  made.length = 0;
  expect(await sync.pass()).toEqual({ again: false });
  expect(made).toEqual(['app']);
  expect(door.shown).toMatchObject([{ code: 'docker-network-left' }]);
});
