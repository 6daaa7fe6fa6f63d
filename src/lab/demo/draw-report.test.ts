import { expect, test } from 'vitest';
import { type Paint, paint, visibleLength } from '../paint.ts';
import { drawReport } from './draw-report.ts';
import { drawTopology } from './draw-topology.ts';
import { exampleReport } from './test-report.ts';

const PLAIN = paint({ isTTY: false });
const COLOURED: Paint = paint({ isTTY: true });

test('x', () => {
  console.log(drawReport(exampleReport(), PLAIN));
  console.log(drawTopology(exampleReport({ hosts: 5 }).topology, PLAIN).join('\n'));
  expect(visibleLength('')).toBe(0);
  void COLOURED;
});
