import { beforeEach, describe, expect, it } from 'vitest';
import type { Mac } from '#model/mac.ts';
import { add, del, expectEventually, type Stage } from './contract-stage.ts';
import type { KernelEvent } from './kernel.ts';

/** What every `watch` must do. `at` gives the stage of the test that runs. */
export function watchContract(at: () => Stage): void {
  let stage: Stage;
  beforeEach(() => {
    stage = at();
  });

  describe('watch', () => {
    it('tells of changes in an overlay namespace, and no longer after its stop', async () => {
      await stage.build();
      const events: KernelEvent[] = [];
      const stop = stage.world.kernel.watch((event) => events.push(event));
      await stage.applyAll(add({ ...stage.net.remote, mac: '02:00:00:00:ff:07' as Mac }));
      await expectEventually(() => expect(events).toContainEqual({ dirty: 'namespace', ns: stage.net.ns }));
      stop();
      events.length = 0;
      await stage.applyAll(del(stage.net.neighbour));
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(events).toEqual([]);
    });

    it('tells of a namespace made later, and of its end', async () => {
      const events: KernelEvent[] = [];
      stage.world.kernel.watch((event) => events.push(event));
      await stage.build();
      await expectEventually(() => expect(events.length).toBeGreaterThan(0));
      events.length = 0;
      await stage.applyAll(del(stage.net.port));
      await expectEventually(() => expect(events).toContainEqual({ dirty: 'namespace', ns: stage.net.ns }));
      events.length = 0;
      await stage.applyAll(del(stage.net.vxlan), del({ kind: 'namespace', ns: stage.net.ns }));
      await expectEventually(() => expect(events.length).toBeGreaterThan(0));
    });

    it('tells of a container’s end by the loss of its port', async () => {
      await stage.build();
      const events: KernelEvent[] = [];
      stage.world.kernel.watch((event) => events.push(event));
      await stage.world.removeContainer(stage.container);
      await expectEventually(() => expect(events.length).toBeGreaterThan(0));
    });
  });
}
