import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { HostStatusSchema } from '#api/gen/weft/v1/records_pb.ts';
import type { Principal } from '#api/principal.ts';
import { recordFromWire, recordToWire } from '#api/wire-records.ts';
import { statusFromWire, statusToWire } from '#api/wire-status.ts';
import { attachEndpoint, createNetwork, registerHost } from '#intent/test-world.ts';
import type { HostStatus } from '#model/host-status.ts';
import type { Id } from '#model/id.ts';
import type { Endpoint, Host } from '#model/records.ts';
import { TestController } from './test-controller.ts';

/** What hosts say, of themselves and of others. */

const host = (name: string): Principal => ({ role: 'host', name });
const statusOf = (id: Id): HostStatus => ({
  ...{ host: id, appliedRevision: 1, headRevision: 1, settledRevision: 1, drift: [], outages: [] },
  ...{ refused: [], failing: [], notices: [], permits: [], endpoints: 0, networks: 0 },
});

function world(): TestController {
  const controller = new TestController();
  for (const name of ['h1', 'h2']) controller.grant(registerHost(name), host(name));
  for (const name of ['app', 'blue']) controller.grant(createNetwork(name, { subnets: ['10.1.0.0/24'] }));
  return controller;
}

test('none takes the endpoint of another over by its id', () => {
  const controller = world();
  const theirs = controller.grant(attachEndpoint('app', 'h1', 'c1')) as Endpoint;
  const { id } = controller.state.snapshot.hostNamed('h2')!;
  const endpoint = { ...theirs, host: id, generation: theirs.generation + 1 };
  const answer = controller.ask({ wish: 'publish-endpoint', endpoint }, host('h2'));
  expect(answer).toMatchObject({ reason: 'forbidden' });
  expect(controller.state.snapshot.endpoints.get(theirs.id)!.host).toBe(theirs.host);
});

test('an endpoint of one network vouches for no address in another', () => {
  const controller = world();
  const known = controller.grant(attachEndpoint('app', 'h1', 'c1')) as Endpoint;
  const { id } = controller.state.snapshot.networkNamed('blue')!;
  const endpoint = { ...known, network: id, generation: 2 };
  expect(controller.ask({ wish: 'publish-endpoint', endpoint }, host('h1'))).toMatchObject({
    reason: 'forbidden',
  });
});

test.each([
  ['labels', { labels: { note: 'x'.repeat(2000) } }],
  ['labels', { labels: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, ''])) }],
  ['underlay', { underlay: Array.from({ length: 65 }, (_, i) => `198.51.100.${i + 1}`) }],
] as const)('%s that followers could not read are refused', (field, words) => {
  const answer = world().ask(registerHost('h3', words), host('h3'));
  expect(answer).toMatchObject({ reason: 'invalid', faults: [{ field }] });
});

test('what is admitted can be read', () => {
  const labels = { ['k'.repeat(256)]: 'x'.repeat(1024) };
  const record = world().grant(registerHost('h3', { labels }), host('h3')) as Host;
  expect(recordFromWire(recordToWire(record))).toEqual(record);
});

test('a host with more notices than can be told says how far it has come', () => {
  const notice = { code: 'namespace-gone', title: 't', sentence: 's', next: 'n' };
  const notices = Array.from({ length: 1001 }, () => notice);
  const { id } = world().state.snapshot.hostNamed('h1')!;
  const told = statusFromWire(statusToWire({ ...statusOf(id), notices }));
  expect(told).toMatchObject({ appliedRevision: 1, notices: { length: 1000 } });
});

test('a host whose kernel refuses a long command says how far it has come', () => {
  const failed = { command: `nft ${'add rule inet weft gateway-in '.repeat(400)}`, retryable: false };
  const failing = [{ ...failed, errno: 'EOPNOTSUPP', text: 'x'.repeat(5000) }];
  const notices = [{ code: 'docker', title: 't', sentence: 's'.repeat(5000), next: 'n' }];
  const { id } = world().state.snapshot.hostNamed('h1')!;
  const told = statusFromWire(statusToWire({ ...statusOf(id), failing, notices }));
  expect(told).toMatchObject({ appliedRevision: 1, failing: [{ errno: 'EOPNOTSUPP', retryable: false }] });
  expect(told.failing[0]!.command).toMatch(/^nft add rule .*…$/);
});

test('what a kernel refuses in many networks fits into one request', () => {
  const failed = { command: 'nft add rule '.repeat(250), errno: 'EOPNOTSUPP', text: '', retryable: false };
  const failing = Array.from({ length: 450 }, () => failed);
  const { id } = world().state.snapshot.hostNamed('h1')!;
  const bytes = toBinary(HostStatusSchema, statusToWire({ ...statusOf(id), failing }));
  expect(bytes.length).toBeLessThan(1 << 20);
  expect(statusFromWire(fromBinary(HostStatusSchema, bytes)).failing.length).toBeGreaterThan(50);
});

test('the word of a host that is removed goes with it', () => {
  const controller = world();
  const { id } = controller.state.snapshot.hostNamed('h2')!;
  controller.dispatch({ event: 'status-reported', status: statusOf(id) });
  expect(controller.state.statuses.has(id)).toBe(true);
  controller.grant({ wish: 'remove-host', host: 'h2' });
  expect(controller.state.statuses.has(id)).toBe(false);
});

test('none registers as another under a name that is free', () => {
  const controller = world();
  const { id } = controller.state.snapshot.hostNamed('h2')!;
  const words = registerHost('h3', { id, underlay: ['203.0.113.66'] });
  expect(controller.ask(words, host('h3'))).toMatchObject({ reason: 'forbidden' });
  expect(controller.state.snapshot.hosts.get(id)).toMatchObject({ name: 'h2' });
});
