import { expect, test } from 'vitest';
import { attachEndpoint, createNetwork, registerHost, sentences } from '#intent/test-world.ts';
import type { HostStatus } from '#model/host-status.ts';
import { hostTag, overlayNamespace } from '#model/own.ts';
import type { Network } from '#model/records.ts';
import type { ChangeNetwork } from '#model/wish.ts';
import { TestController } from './test-controller.ts';

const HOSTS = ['h1', 'h2', 'h3'];
const change = (force = false): ChangeNetwork => ({
  wish: 'change-network',
  network: 'app',
  mode: 'flood',
  force,
});

/** A network on two of three hosts, whose agents follow. */
function twoMembers(following: readonly string[] = HOSTS): TestController {
  const controller = new TestController();
  for (const name of HOSTS) controller.grant(registerHost(name), { role: 'host', name });
  controller.grant(createNetwork('app'));
  for (const name of ['h1', 'h2']) controller.grant(attachEndpoint('app', name, 'c'));
  for (const name of following) controller.follow(HOSTS.indexOf(name), name);
  return controller;
}

const app = ({ state }: TestController): Network => state.snapshot.networkNamed('app')!;
const phase = (controller: TestController) => app(controller).change?.phase ?? app(controller).mode;

/** A host says that it is at the head, or refused something. */
function report(controller: TestController, name: string, more: Partial<HostStatus> = {}): void {
  const { snapshot } = controller.state;
  const { revision } = snapshot;
  const status: HostStatus = {
    host: snapshot.hostNamed(name)!.id,
    ...{ appliedRevision: revision, headRevision: revision, settledRevision: revision },
    ...{
      drift: [],
      failing: [],
      outages: [],
      refused: [],
      permits: [],
      notices: [],
      endpoints: 1,
      networks: 1,
    },
    ...more,
  };
  controller.dispatch({ event: 'status-reported', status });
  controller.acknowledgeAll();
}

function pass(controller: TestController, ms: number): void {
  for (let at = 0; at < ms; at += 3_000) {
    controller.chance.now += 3_000;
    controller.dispatch({ event: 'tick' });
    controller.acknowledgeAll();
  }
}

test('each phase ends when every host of the network has taken it', () => {
  const controller = twoMembers();
  controller.grant(change());
  for (const next of ['switch', 'prepare', 'switch', 'flood']) {
    const before = phase(controller);
    report(controller, 'h1');
    report(controller, 'h3');
    report(controller, 'h2', { appliedRevision: app(controller).change!.since - 1 });
    expect(phase(controller)).toBe(before);
    report(controller, 'h2');
    expect(phase(controller)).toBe(next);
  }
});

test('a controller that is started anew goes on where the last one was', () => {
  const first = twoMembers();
  first.grant(change());
  report(first, 'h1');
  report(first, 'h2');
  const second = new TestController();
  second.state.snapshot.apply(
    [...first.state.snapshot.records()].map((record) => ({ verb: 'put', record })),
    first.state.snapshot.revision,
  );
  for (const name of ['h1', 'h2']) second.follow(HOSTS.indexOf(name), name);
  pass(second, 6_000);
  expect(phase(second)).toBe('switch');
  for (const next of ['prepare', 'switch', 'flood']) {
    report(second, 'h1');
    report(second, 'h2');
    expect(phase(second)).toBe(next);
  }
});

test('while a host is away it is refused, unless it is to be left behind', () => {
  const controller = twoMembers(['h1', 'h3']);
  expect(sentences(controller.ask(change()) as never)).toEqual([
    'unavailable',
    'host "h2": is away, and would not reach the others until it is back; start its agent, or give --force to go on without it',
  ]);
  expect(app(controller).change).toBeUndefined();
  controller.grant(change(true));
  report(controller, 'h1');
  expect(phase(controller)).toBe('prepare');
  pass(controller, 12_000);
  expect(phase(controller)).toBe('switch');
  // Once is enough.
  for (const next of ['prepare', 'switch', 'flood']) {
    report(controller, 'h1');
    expect(phase(controller)).toBe(next);
  }
});

test('a host that goes away meanwhile is waited for a while', () => {
  const controller = twoMembers();
  controller.grant(change());
  report(controller, 'h1');
  controller.dispatch({ event: 'follow-ended', session: HOSTS.indexOf('h2') });
  pass(controller, 6_000);
  expect(phase(controller)).toBe('prepare');
  pass(controller, 6_000);
  expect(phase(controller)).toBe('switch');
});

test('what a host’s kernel refuses to prepare is taken back; what refuses elsewhere does not count', () => {
  const controller = twoMembers();
  controller.grant(change());
  const { id } = controller.state.snapshot.hostNamed('h2')!;
  const refused = (ns: string) => ({
    failing: [
      { command: `ip -n ${ns} link set dev vxlan1 up`, errno: 'EADDRINUSE', text: '', retryable: true },
    ],
  });
  const here = refused(overlayNamespace(hostTag(id), app(controller).vni));
  report(controller, 'h1');
  for (let seconds = 0; seconds < 33; seconds += 3) {
    report(controller, 'h2', here);
    pass(controller, 3_000);
  }
  expect(app(controller)).toMatchObject({ mode: 'proxy' });
  expect(app(controller).change).toBeUndefined();
  controller.grant(change());
  report(controller, 'h1');
  report(controller, 'h2', refused('weft-other-1'));
  expect(phase(controller)).toBe('switch');
});

test('a controller that no host of the network follows leaves it to another', () => {
  const controller = twoMembers(['h3']);
  controller.grant(change(true));
  pass(controller, 120_000);
  expect(phase(controller)).toBe('prepare');
});
