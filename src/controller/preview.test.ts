import { expect, test } from 'vitest';
import { registerHost } from '#intent/test-world.ts';
import { previewChanges } from './preview.ts';
import { TestController } from './test-controller.ts';

test('of a network of adopted bridges, whose hosts alone know them, only what changes is shown', () => {
  const controller = new TestController();
  for (const name of ['h1', 'h2']) {
    controller.grant(registerHost(name), { role: 'host', name });
    controller.grant({ wish: 'adopt-bridge', host: name, bridge: 'br-1', network: 'shared' });
  }
  const { snapshot } = controller.state;
  const network = snapshot.networkNamed('shared')!;
  const plans = previewChanges(snapshot, [{ verb: 'put', record: { ...network, mode: 'flood' } }]);
  const shown = plans.map(({ host, steps, loss }) => [host, steps.flatMap(({ commands }) => commands), loss]);
  const command = 'ip link set dev wfx100000 type vxlan learning';
  expect(shown).toEqual([
    ['h1', [command], ''],
    ['h2', [command], ''],
  ]);
});
