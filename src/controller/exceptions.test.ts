import { expect, test } from 'vitest';
import type { Principal } from '#api/principal.ts';
import { auditAddresses } from '#intent/audit-addresses.ts';
import { attachEndpoint, createNetwork, registerHost } from '#intent/test-world.ts';
import { isRejection } from '#model/fault.ts';
import type { Id } from '#model/id.ts';
import type { Ip } from '#model/ip.ts';
import type { Mac } from '#model/mac.ts';
import type { Endpoint } from '#model/records.ts';
import { TestController } from './test-controller.ts';

/** Addresses that were taken out of a host's block: for whom, and until when. */

const host = (name: string): Principal => ({ role: 'host', name });

function world(): TestController {
  const controller = new TestController();
  for (const name of ['h1', 'h2']) controller.grant(registerHost(name), host(name));
  controller.grant(createNetwork('app', { subnets: ['10.1.0.0/24'], mode: 'static' }));
  return controller;
}

test('a peer is not given an address that the owner of the block may have given', () => {
  const controller = world();
  const first = controller.grant(attachEndpoint('app', 'h1', 'c1')) as Endpoint;
  controller.follow(1, 'h1');
  const X = '10.1.0.5';
  // Somebody on h2 asks for it: it is taken out of h1's block, but h1 does not answer, and the wish is refused.
  const request = controller.petition(attachEndpoint('app', 'h2', 'c2', { addresses: [X] }));
  controller.acknowledgeAll();
  controller.chance.now += 6_000;
  controller.dispatch({ event: 'tick' });
  expect(controller.answers.get(request)).toMatchObject({ reason: 'unavailable' });
  // h1 gave the address itself, before it heard of that.
  const given: Endpoint = {
    ...first,
    id: '01ARYZ6S410000000000000001' as Id,
    containerId: 'c3',
    name: 'c3',
    mac: '02:00:00:00:00:77' as Mac,
    addresses: [X as Ip],
  };
  const peer = controller.ask({
    wish: 'add-peer',
    network: 'app',
    name: 'box',
    vtep: '198.51.100.77',
    endpoints: [{ mac: '02:00:00:00:00:99', addresses: [X] }],
  });
  const published = controller.ask({ wish: 'publish-endpoint', endpoint: given }, host('h1'));
  expect([isRejection(peer), isRejection(published)]).toContain(true);
});

test('what a peer gives up goes back to the block', () => {
  const controller = world();
  const wish = {
    wish: 'add-peer' as const,
    network: 'app',
    name: 'box',
    vtep: '198.51.100.77',
  };
  controller.grant({ ...wish, endpoints: [{ mac: '02:00:00:00:00:99', addresses: ['10.1.0.5'] }] });
  controller.grant(attachEndpoint('app', 'h1', 'c1'));
  expect([...controller.state.snapshot.blocks.values()][0]!.except).toEqual(['10.1.0.5']);
  controller.grant({ ...wish, endpoints: [] });
  expect(auditAddresses(controller.state.snapshot)).toEqual([]);
});

test('what an endpoint gives up by a publication goes back to the block', () => {
  const controller = world();
  controller.grant(createNetwork('tiny', { subnets: ['10.2.0.0/28'] }));
  controller.grant(attachEndpoint('tiny', 'h1', 'c1'));
  controller.follow(1, 'h1');
  controller.grant(attachEndpoint('tiny', 'h2', 'c0'));
  const snapshot = controller.state.snapshot;
  const h1 = snapshot.hostNamed('h1')!;
  const request = controller.petition(attachEndpoint('tiny', 'h2', 'c2', { addresses: ['10.2.0.3'] }));
  controller.acknowledgeAll();
  controller.dispatch({
    event: 'status-reported',
    status: {
      ...{ host: h1.id, appliedRevision: snapshot.revision, headRevision: snapshot.revision },
      ...{ settledRevision: snapshot.revision, drift: [], outages: [], refused: [], failing: [] },
      ...{ notices: [], permits: [], endpoints: 1, networks: 1 },
    },
  });
  controller.acknowledgeAll();
  const granted = (controller.answers.get(request) as { subject: Endpoint }).subject;
  const own = [...snapshot.inNetwork(granted.network).blocks.values()].find((b) => b.host === granted.host)!;
  const free = own.cidr.replace(/\d+\/30$/, (t) => String(Number(t.split('/')[0]) + 2)) as Ip;
  const answer = controller.ask(
    { wish: 'publish-endpoint', endpoint: { ...granted, addresses: [free], generation: 2 } },
    host('h2'),
  );
  expect(isRejection(answer)).toBe(false);
  expect(auditAddresses(snapshot)).toEqual([]);
});
