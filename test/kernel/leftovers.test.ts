import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { directoryOf, removeLeftovers } from '../world/leftovers.ts';
import { ip, namespacesWith } from '../world/namespaces.ts';

/** No process can have it: above the highest that the kernel gives (PID_MAX_LIMIT). */
const WORLD = 'wcp4194305x1';

test('what a killed test left is removed, also when another test removes it at the same time', async () => {
  const names = Array.from({ length: 40 }, (_, i) => `${WORLD}-n${i}`);
  mkdirSync(directoryOf(WORLD));
  for (const name of names) ip('netns', 'add', name);
  const others = namespacesWith(`${WORLD}-`).reverse();
  const lines = others.map((name) => `ip netns del ${name} 2>/dev/null`).join('\n');
  const other = spawn('sh', ['-c', `echo; ${lines}`], { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(other, 'exit');
  await once(other.stdout, 'data');
  removeLeftovers();
  await exited;
  expect(namespacesWith(`${WORLD}-`)).toEqual([]);
  expect(existsSync(directoryOf(WORLD))).toBe(false);
});
