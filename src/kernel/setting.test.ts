import { expect, it, vi } from 'vitest';
import type { KernelOp } from '#model/kernel-op.ts';
import { FORWARDING } from '#model/setting.ts';
import { Application } from './apply.ts';
import type { Visits } from './visit.ts';

const written = vi.hoisted(() => [] as string[]);
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  existsSync: () => false,
  readdirSync: (path: string) => {
    throw Object.assign(new Error(`ENOENT: no such file or directory, scandir '${path}'`), {
      code: 'ENOENT',
    });
  },
}));
vi.mock('./sysctl.ts', () => ({
  writeSysctl: (_: unknown, name: string) => void written.push(name),
}));

const visits = { to: () => ({ netnsFd: undefined }) } as unknown as Visits;
const setting = (name: string): KernelOp => ({
  verb: 'add',
  object: { kind: 'setting', ns: '', name, value: '1' },
});

it('writes all else on a host without IPv6', async () => {
  const ops = [setting(FORWARDING[6]), setting(FORWARDING[4])];
  const results = await new Application(ops, visits).run();
  expect(results.map(({ ok }) => ok)).toEqual([true, true]);
  expect(written).toContain(FORWARDING[4]);
});
