import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { resolveNamespace } from '#kernel/container-namespace.ts';
import type { KernelWorld } from '#kernel/contract-stage.ts';
import { isRejection } from '#model/fault.ts';
import type { NamespaceRef } from '#model/namespace-ref.ts';
import { enterHostNamespace, ip, realWorld } from './kernel-lab.ts';
import { openDescriptors } from './netlink-lab.ts';

let leave: () => void;
beforeAll(() => {
  leave = enterHostNamespace();
});
afterAll(() => leave());

describe('a namespace given by a person', () => {
  let world: KernelWorld;
  let container: NamespaceRef;
  let directory: string;

  beforeEach(() => {
    world = realWorld();
    container = world.createContainer();
    directory = mkdtempSync(`${tmpdir()}/weft-ns-`);
  });
  afterEach(async () => {
    await world.close();
    rmSync(directory, { recursive: true });
  });

  it('is found by name, path, link and pid', async () => {
    const name = container.path.slice('/run/netns/'.length);
    expect(resolveNamespace(name)).toEqual(container);
    expect(resolveNamespace(container.path)).toEqual(container);
    symlinkSync(container.path, `${directory}/link`);
    expect(resolveNamespace(`${directory}/link`)).toEqual({ ...container, path: `${directory}/link` });
    const child = spawn('ip', ['netns', 'exec', name, 'sleep', '60'], { stdio: 'ignore' });
    try {
      const path = `/proc/${child.pid}/ns/net`;
      await expect
        .poll(() => resolveNamespace(String(child.pid)), { timeout: 10_000 })
        .toEqual({ ...container, path });
    } finally {
      child.kill();
    }
  });

  it('is another one after it was made anew under the same name', () => {
    const name = container.path.slice('/run/netns/'.length);
    ip('netns', 'del', name);
    ip('netns', 'add', name);
    const again = resolveNamespace(name) as NamespaceRef;
    expect(again.path).toBe(container.path);
    expect(again.cookie).not.toBe(container.cookie);
  });

  it('is rejected when it is anything but a network namespace', async () => {
    writeFileSync(`${directory}/file`, '');
    mkdirSync(`${directory}/directory`);
    symlinkSync('/nowhere', `${directory}/dangling`);
    execFileSync('mkfifo', [`${directory}/fifo`]);
    const server = createServer().listen(`${directory}/socket`);
    await new Promise((resolve) => server.once('listening', resolve));
    const problems: Record<string, [reason: string, problem: RegExp]> = {
      [`${directory}/file`]: ['invalid', /not a namespace/],
      [`${directory}/directory`]: ['invalid', /not a namespace/],
      [`${directory}/fifo`]: ['invalid', /not a namespace/],
      [`${directory}/socket`]: ['invalid', /not a namespace/],
      '/dev/zero': ['invalid', /not a namespace/],
      [`${directory}/dangling`]: ['absent', /does not exist/],
      [`${directory}/nothing`]: ['absent', /does not exist/],
      'no-such-name': ['absent', /does not exist/],
      '4194305': ['absent', /does not exist/],
      '/proc/self/ns/mnt': ['invalid', /not a network namespace/],
      '/proc/self/ns/user': ['invalid', /not a network namespace/],
      '': ['invalid', /neither a name/],
      '..': ['invalid', /neither a name/],
      'some/where': ['invalid', /neither a name/],
      'nul\0': ['invalid', /neither a name/],
    };
    for (const [text, [reason, problem]] of Object.entries(problems)) {
      const result = resolveNamespace(text);
      expect(result, text).toMatchObject({ outcome: 'rejected', reason, faults: [{ field: 'namespace' }] });
      if (isRejection(result)) expect(result.faults[0]!.problem).toMatch(problem);
    }
    server.close();
  });

  it('is rejected when it is the agent’s own, by whatever way', () => {
    symlinkSync('/proc/thread-self/ns/net', `${directory}/self`);
    for (const text of ['/proc/thread-self/ns/net', `${directory}/self`])
      expect(resolveNamespace(text)).toMatchObject({
        reason: 'invalid',
        faults: [{ problem: expect.stringMatching(/agent itself/) }],
      });
  });

  it('is rejected when Weft keeps a network in it, under another name too', async () => {
    const ns = `weft-${world.hostTag}-100000`;
    await world.kernel.apply([{ verb: 'add', object: { kind: 'namespace', ns } }], {
      hostTag: world.hostTag,
      containers: [],
    });
    symlinkSync(`/run/netns/${ns}`, `${directory}/alias`);
    for (const text of [ns, `/run/netns/${ns}`, `${directory}/alias`])
      expect(resolveNamespace(text)).toMatchObject({
        reason: 'invalid',
        faults: [{ problem: expect.stringMatching(/keeps a network/) }],
      });
    unlinkSync(`${directory}/alias`);
  });

  it('leaves nothing open', () => {
    const before = openDescriptors();
    resolveNamespace(container.path);
    resolveNamespace('/proc/self/ns/mnt');
    resolveNamespace(`${directory}`);
    expect(openDescriptors()).toEqual(before);
  });
});
