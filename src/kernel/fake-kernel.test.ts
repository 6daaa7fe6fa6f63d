import { describe, expect, it } from 'vitest';
import type { Ip } from '#model/ip.ts';
import { add } from './contract-stage.ts';
import { exampleNetwork } from './example-network.ts';
import { FakeKernel } from './fake-kernel.ts';
import { kernelContract } from './kernel.contract.ts';

const HOST_TAG = '0fakehst';
const UNDERLAY = '192.0.2.1' as Ip;

describe('the fake kernel', () => {
  kernelContract(async () => {
    const kernel = new FakeKernel();
    let containers = 0;
    return {
      kernel,
      hostTag: HOST_TAG,
      underlay: UNDERLAY,
      createContainer: () => kernel.createContainerNamespace(`/run/netns/c${++containers}`),
      removeContainer: async ({ path }) => kernel.removeContainerNamespace(path),
      addForeignInterface: ({ path }, name) => kernel.addForeignInterface(path, name),
      setFirewall: (family, firewall) => kernel.setFirewall(family, firewall),
      close: () => kernel.close(),
    };
  });

  it('fails the next matching op once, as asked, and leaves it undone', async () => {
    const kernel = new FakeKernel();
    const net = exampleNetwork(HOST_TAG, UNDERLAY, kernel.createContainerNamespace('/run/netns/c'));
    const scope = { hostTag: HOST_TAG, containers: [] };
    kernel.failNext(({ object }) => object.kind === 'namespace', 'ENOMEM', 'no memory today');
    expect(kernel.pendingFailures).toBe(1);
    const op = add({ kind: 'namespace', ns: net.ns });
    expect(await kernel.apply([op], scope)).toMatchObject([
      { ok: false, error: { errno: 'ENOMEM', text: 'no memory today', retryable: true } },
    ]);
    expect(kernel.pendingFailures).toBe(0);
    expect((await kernel.observe(scope)).namespace.size).toBe(0);
    expect(await kernel.apply([op], scope)).toMatchObject([{ ok: true }]);
  });
});
