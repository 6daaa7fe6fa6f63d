import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { DockerReport } from '#lab/docker/run-docker.ts';
import {
  buildIfStale,
  type Outcome,
  outcomeOf,
  PROGRAM,
  sendToGroup,
  startWeft,
  weft,
} from '../cluster/lab-cli.ts';
import { type EngineVersion, fetchDocker } from '../world/docker-engine.ts';

/** `weft lab run docker` as a user runs it. */

const engineOf = (version: EngineVersion): string => path.resolve(PROGRAM, '../../.cache/docker', version);
const lessons = (version: EngineVersion) => ['lab', 'run', 'docker', '--engine', engineOf(version)];
const NAME = 'weftdocker';

/** What a run may leave: namespaces, files, cgroups, processes. */
function traces(): string[] {
  const named = (directory: string) =>
    existsSync(directory) ? readdirSync(directory).filter((name) => name.startsWith(NAME)) : [];
  const processes = readdirSync('/proc').filter((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      return readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes('/var/tmp/weft-lab/docker');
    } catch {
      return false;
    }
  });
  const files = existsSync('/var/tmp/weft-lab/docker') ? ['/var/tmp/weft-lab/docker'] : [];
  return [...named('/run/netns'), ...named('/sys/fs/cgroup/memory'), ...processes, ...files];
}

fetchDocker();
beforeAll(buildIfStale);

/** The oldest and a new one: what the lessons use of an engine, all tests here use. */
describe.sequential.each(['20.10', '26.1'] as const)('Docker %s', (version) => {
  test('every claim of every lesson holds, and nothing is left', async () => {
    const { code, stdout, stderr } = await weft([...lessons(version), '--json']);
    const report = JSON.parse(stdout) as DockerReport;
    const broken = report.lessons.flatMap(({ entries }) =>
      entries.filter((entry) => entry.entry === 'claim' && !entry.holds),
    );
    expect({ code, broken }, stderr).toEqual({ code: 0, broken: [] });
    expect(report.lessons).toHaveLength(4);
    expect(report.verdict.claims).toBeGreaterThan(10);
    expect(traces()).toEqual([]);
  });
});

/** As a terminal does, while that step is under way. */
async function interruptIn(step: string): Promise<Outcome> {
  const child = startWeft(lessons('26.1'));
  const ended = outcomeOf(child);
  await new Promise<void>((resolve) => {
    child.stderr!.on('data', (text: string) => {
      if (text.includes(` ${step} `)) resolve();
    });
    child.on('close', () => resolve());
  });
  sendToGroup(child, 'SIGINT');
  return ended;
}

test.each(['hosts', 'lesson 1'])('Ctrl-C after step %s removes all of it', async (step) => {
  const { code, stderr } = await interruptIn(step);
  expect(code, stderr).toBe(130);
  expect(traces()).toEqual([]);
});

test('without an engine it says how to get one', async () => {
  const { code, stderr } = await weft(['lab', 'run', 'docker', '--engine', '/nowhere']);
  expect(code).not.toBe(0);
  expect(stderr).toContain('there is no Docker engine in /nowhere');
  expect(stderr).toContain('tools/fetch-docker.sh');
});
