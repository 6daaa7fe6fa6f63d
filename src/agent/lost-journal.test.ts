import { expect, test } from 'vitest';
import { createNetwork } from '#intent/test-world.ts';
import { fault, reject } from '#model/fault.ts';
import { Snapshot } from '#model/snapshot.ts';
import { testId } from '#plan/test-world.ts';
import { createAgentState } from './state.ts';
import { startTwoHosts } from './test-cluster.ts';

test.each(['with', 'without'])(
  'one whose journal was lost, %s a view, gives nothing of the host that it was',
  async (how) => {
    const [cluster, h1] = await startTwoHosts();
    const { snapshot } = cluster.controller.state;
    cluster.controller.grant(createNetwork('app'));
    await cluster.attached(h1, 'app', '/c1', 1_000);
    const { view } = h1.state;
    const [known, before] = [[...view.records()], [...snapshot.records()]];
    // The controller answers, but does not take a second host of that name.
    h1.holding = 'connect';
    h1.cut();
    h1.connected = true;
    h1.state = createAgentState({
      ...{ bootId: 'boot-1', name: 'h1', host: testId('host', 9), attachments: [], handingBack: [] },
      view: how === 'with' ? new Snapshot(known, view.revision) : undefined,
    });
    const refusal = reject(
      'conflict',
      fault('name', 'h1', 'is taken by another host', 'choose another name'),
    );
    h1.dispatch({ event: 'disconnected', reason: 'refused', refusal });
    const request = h1.attach('app', '/c2');
    const again = h1.attach('app', '/c1');
    await cluster.settle(30_000);
    for (const each of [request, again])
      expect(h1.answers.get(each)).toMatchObject({
        reason: 'unavailable',
        faults: [{ problem: expect.stringContaining('(name "h1" is taken by another host)') }],
      });
    expect([...snapshot.records()]).toEqual(before);
  },
);
