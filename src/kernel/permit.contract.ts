import { beforeEach, describe, expect, it } from 'vitest';
import { HOST_NAMESPACE } from '#model/kernel-state.ts';
import { PERMITS, type Permit, type PermitChain, type PermitFamily } from '#model/permit.ts';
import { add, del, expectEventually, type Stage } from './contract-stage.ts';
import type { KernelEvent } from './kernel.ts';

const permitsIn = (family: PermitFamily, chain: PermitChain): Permit[] =>
  Object.keys(PERMITS).map((name) => ({ kind: 'permit', ns: HOST_NAMESPACE, family, chain, name }));

/** What must hold for rules of ours in others' chains. */
export function permitContract(at: () => Stage): void {
  let stage: Stage;
  beforeEach(() => {
    stage = at();
  });
  const drops = async () => (await stage.observe()).drops;
  const permits = async () => [...(await stage.observe()).permit.values()];

  describe('permits', () => {
    it('are asked for where somebody drops, and go where a rule of theirs is heard', async () => {
      const what = { table: 'filter', chain: 'FORWARD', by: 'policy drop', knows: [] };
      expect(await drops()).toEqual([]);
      stage.world.setFirewall('ip', 'open');
      expect(await drops()).toEqual([]);
      stage.world.setFirewall('ip', 'drop');
      expect(await drops()).toEqual([{ family: 'ip', ...what, into: 'FORWARD' }]);
      stage.world.setFirewall('ip', 'docker');
      stage.world.setFirewall('ip6', 'drop');
      expect(await drops()).toEqual([
        { family: 'ip', ...what, into: 'DOCKER-USER' },
        { family: 'ip6', ...what, into: 'FORWARD' },
      ]);
      stage.world.setFirewall('ip', 'none');
      stage.world.setFirewall('ip6', 'open');
      expect(await drops()).toEqual([]);
    });

    it.each(['ip', 'ip6'] as const)('of %s are read back as they were written, once', async (family) => {
      stage.world.setFirewall(family, 'docker');
      const all = [...permitsIn(family, 'DOCKER-USER'), ...permitsIn(family, 'FORWARD').slice(1)];
      await stage.applyAll(...all.map(add));
      expect(await permits()).toEqual(expect.arrayContaining(all));
      await stage.applyAll(...all.map(add));
      expect(await permits()).toHaveLength(all.length);
      await stage.applyAll(...all.slice(2).map(del), ...all.map(del));
      expect(await permits()).toEqual([]);
    });

    it('are refused without their chain, and go with it', async () => {
      const permit = permitsIn('ip', 'DOCKER-USER')[0]!;
      const refused = [{ ok: false, error: { errno: 'ENOENT' } }];
      expect(await stage.apply(add(permit))).toMatchObject(refused);
      stage.world.setFirewall('ip', 'drop');
      expect(await stage.apply(add(permit))).toMatchObject(refused);
      await stage.applyAll(del(permit));
      stage.world.setFirewall('ip', 'docker');
      await stage.applyAll(add(permit));
      stage.world.setFirewall('ip', 'drop');
      expect(await permits()).toEqual([]);
    });

    it('are watched, and so is what they are for', async () => {
      const host: KernelEvent = { dirty: 'namespace', ns: HOST_NAMESPACE };
      const events: KernelEvent[] = [];
      const stop = stage.world.kernel.watch((event) => events.push(event));
      await stage.observe();
      for (const change of [
        () => stage.world.setFirewall('ip', 'docker'),
        () => stage.applyAll(add(permitsIn('ip', 'DOCKER-USER')[0]!)),
        () => stage.world.setFirewall('ip', 'none'),
      ]) {
        events.length = 0;
        await change();
        await expectEventually(() => expect(events).toContainEqual(host));
        await stage.observe();
      }
      stop();
    });
  });
}
