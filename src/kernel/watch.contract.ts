import { beforeEach, describe, expect, it } from 'vitest';
import type { Ip } from '#model/ip.ts';
import { kernelKey } from '#model/kernel-state.ts';
import type { Mac } from '#model/mac.ts';
import { add, del, expectEventually, type Stage } from './contract-stage.ts';
import type { KernelEvent } from './kernel.ts';

/** What every `watch` must do. `at` gives the stage of the test that runs. */
export function watchContract(at: () => Stage): void {
  let stage: Stage;
  beforeEach(() => {
    stage = at();
  });

  let stop = () => {};
  function listen(): KernelEvent[] {
    const events: KernelEvent[] = [];
    stop = stage.world.kernel.watch((event) => events.push(event));
    return events;
  }

  describe('watch', () => {
    it('tells of changes in an overlay namespace, and no longer after its stop', async () => {
      await stage.build();
      const events = listen();
      await stage.applyAll(add({ ...stage.net.vxlan, mtu: 1300 }));
      await expectEventually(() => expect(events).toContainEqual({ dirty: 'namespace', ns: stage.net.ns }));
      stop();
      events.length = 0;
      await stage.applyAll(del(stage.net.neighbour));
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(events).toEqual([]);
    });

    it('tells each row of a tunnel: how it is now, or that it is gone', async () => {
      await stage.build();
      const events = listen();
      const changed = [
        { ...stage.net.remote, dst: '192.0.2.9' as Ip },
        { ...stage.net.neighbour, mac: '02:00:00:00:ff:07' as Mac },
      ];
      for (const row of changed) {
        await stage.applyAll(add(row));
        await expectEventually(() => expect(events).toContainEqual({ dirty: 'row', row, gone: false }));
      }
      const rows = [...changed, stage.net.flood];
      await stage.applyAll(...rows.map(del));
      await expectEventually(() => {
        const gone = events.filter((event) => event.dirty === 'row').filter((event) => event.gone);
        expect(new Set(gone.map(({ row }) => kernelKey(row)))).toEqual(new Set(rows.map(kernelKey)));
      });
    });

    it('tells of changes in a container that was looked at', async () => {
      await stage.build();
      const events = listen();
      await stage.world.kernel.observe(stage.scope);
      await stage.applyAll(del(stage.net.address4));
      await expectEventually(() =>
        expect(events).toContainEqual({ dirty: 'namespace', ns: stage.container.path }),
      );
    });

    it('tells of a namespace made later, and of its end', async () => {
      const events = listen();
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
      const events = listen();
      await stage.world.removeContainer(stage.container);
      await expectEventually(() => expect(events.length).toBeGreaterThan(0));
    });
  });
}
