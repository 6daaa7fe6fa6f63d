import { describe, expect, test } from 'vitest';
import { paint, visibleLength } from '../paint.ts';
import { drawMatrix } from './draw-matrix.ts';
import { drawReport } from './draw-report.ts';
import { drawTopology } from './draw-topology.ts';
import type { DemoReport } from './report.ts';
import { exampleReport } from './test-report.ts';
import { wrapText } from './wrap-text.ts';

const PLAIN = paint({ isTTY: false });
/** Marks what is painted, so that it can be told from what is not. */
const MARKED = {
  ...PLAIN,
  good: (text: string) => `+${text}`,
  dim: (text: string) => `~${text}`,
  bad: (text: string) => `!${text}`,
};

test('the topology: hosts as boxes on the underlay, with networks and containers', () => {
  const { topology } = exampleReport({ hosts: 2, containers: 1, networks: 2 });
  expect(drawTopology(topology, 97, PLAIN)).toEqual([
    '┌─ h1 ────────────────────────┐ ┌─ h2 ────────────────────────┐',
    '│ ● blue  VNI 1048576         │ │ ● blue  VNI 1048576         │',
    '│   c1  10.1.0.2  fd01::0:2   │ │   c1  10.1.0.10  fd01::1:10 │',
    '│ ● green  VNI 1048577        │ │ ● green  VNI 1048577        │',
    '│   c2  10.2.0.2  fd02::0:2   │ │   c2  10.2.0.10  fd02::1:10 │',
    '└──────────────┬──────────────┘ └──────────────┬──────────────┘',
    '               │ eth0 10.99.0.1                │ eth0 10.99.0.2',
    '═══════════════╧═══════════════════════════════╧═══════════════',
    'underlay  10.99.0.0/24  fd99::/64  MTU 1500',
  ]);
});

describe.each([1, 2, 3, 5, 8])('with %i hosts', (hosts) => {
  test.each([
    { containers: 1, networks: 1 },
    { containers: 2, networks: 2 },
    { containers: 4, networks: 8 },
  ])('all fits 100 columns: %j', (shape) => {
    const lines = drawReport(exampleReport({ hosts, ...shape }), PLAIN).split('\n');
    expect(lines.filter((line) => visibleLength(line) > 100)).toEqual([]);
  });
});

test('boxes and sentences fit a terminal of 80 columns', () => {
  const report = exampleReport({ hosts: 3, containers: 2, networks: 2 });
  const lines = drawReport(report, PLAIN, 80).split('\n');
  expect(lines.filter((line) => /[│─═]/.test(line) && visibleLength(line) > 80)).toEqual([]);
});

test('every host and container is drawn, however many rows that takes', () => {
  const report = exampleReport({ hosts: 7, containers: 2, networks: 1 });
  const text = drawTopology(report.topology, 97, PLAIN).join('\n');
  for (const host of report.topology.hosts) {
    expect(text).toContain(`─ ${host.name} ─`);
    for (const { addresses } of host.containers) expect(text).toContain(addresses[0]!.replace('/24', ' '));
  }
});

describe('the matrix', () => {
  const report = exampleReport({ hosts: 2, containers: 1, networks: 1 });

  test('shows times in both families, and dims what went through no tunnel', () => {
    const both = exampleReport({ hosts: 2, containers: 2, networks: 1 });
    const [, row] = drawMatrix(both, 'blue', MARKED);
    expect(row).toMatch(/^h1\/c1 +~· +~0\.12~\/~0\.12 +\+0\.12~\/\+0\.12/);
  });

  test('shows what was lost', () => {
    const lossy: DemoReport = {
      ...report,
      reach: report.reach.map((probe) =>
        probe.family === 6 ? { ...probe, received: 0, rttMs: undefined } : probe,
      ),
    };
    expect(drawMatrix(lossy, 'blue', MARKED)[1]).toContain('+0.12~/!lost');
  });

  test('of a large network shows the first container of each host, and says so', () => {
    const lines = drawMatrix(exampleReport({ hosts: 4, containers: 3, networks: 1 }), 'blue', PLAIN);
    expect(lines[0]!.trim().split(/ +/)).toEqual(['h1/c1', 'h2/c1', 'h3/c1', 'h4/c1']);
    expect(lines.at(-1)).toContain('8 more containers');
  });
});

test('the evidence: who answered ARP, what crossed; a leak and a stray question are not hidden', () => {
  const report = exampleReport();
  const text = (changed: Partial<DemoReport>) =>
    drawReport({ ...report, ...changed }, MARKED).replace(/\s+/g, ' ');
  expect(text({})).toContain(
    'The answer came after 21 µs: 02:00:00:00:02:01, which is h2/c1. Question and answer stayed inside h1',
  );
  expect(text({})).toContain('240 ICMP echo frames, 0 ARP and 0 neighbour discovery');
  expect(text({})).toContain('+none was answered');
  const { verdict, resolution, underlay } = report;
  expect(text({ verdict: { ...verdict, leaked: 2 } })).toContain('!2 pairs answered. The networks leak!');
  expect(text({ verdict: { ...verdict, crossed: 1 } })).toContain('!1 questions crossed');
  expect(text({ resolution: { ...resolution!, copiesOnUnderlay: 2 } })).toContain(
    'crossed the underlay in 2 copies',
  );
  expect(text({ resolution: { ...resolution!, answer: undefined } })).toContain(
    'No answer was seen. Nor was the question seen on the underlay.',
  );
  expect(text({ underlay: { ...underlay, dropped: 1 } })).toContain('The capture lost 1 frame.');
});

test('one host alone has nothing on its underlay', () => {
  const { frame: _, resolution: __, ...report } = exampleReport({ hosts: 1, networks: 1 });
  expect(drawReport(report, PLAIN)).toContain('only one host');
});

test('text is broken between words', () => {
  expect(wrapText('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrapText('unbreakable word', 3)).toEqual(['unbreakable', 'word']);
});
