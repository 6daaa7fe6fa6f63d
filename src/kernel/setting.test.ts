import { expect, it, vi } from 'vitest';
import type { KernelOp } from '#model/kernel-op.ts';
import { emptyKernelState } from '#model/kernel-state.ts';
import { BRIDGE_CALLS, FORWARDING } from '#model/setting.ts';
import { Application } from './apply.ts';
import { readOverlaySettings, readSettings } from './setting.ts';
import type { Visit, Visits } from './visit.ts';

const written = vi.hoisted(() => [] as string[]);
const read = vi.hoisted(() => [] as string[]);
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
  readSysctls: (_: unknown, names: readonly string[]) => {
    read.push(...names);
    return names.map((name) => [name, '1']);
  },
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

it('reads what is the same for all networks once in a look', () => {
  const state = emptyKernelState();
  read.length = 0;
  for (const ns of ['', 'n1', '', 'n2', ''])
    if (ns === '') readSettings(state, { ns } as Visit, Object.values(FORWARDING));
    else readOverlaySettings(state, { ns } as Visit);
  const times = (name: string) => read.filter((each) => each === name).length;
  expect([times(FORWARDING[4]), times(BRIDGE_CALLS[4])]).toEqual([3, 2]);
  expect(state.setting.get(`n2 ${BRIDGE_CALLS[4]}`)).toMatchObject({ value: '1' });
});
