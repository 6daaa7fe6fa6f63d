import { hexdump } from '#packet/hexdump.ts';
import type { Paint } from '../paint.ts';
import type { CaughtFrame } from './report.ts';

/** The frame's layers as nested steps, outside in, and its bytes in the same colours. */
export function drawFrame(frame: CaughtFrame, colours: Paint): string[] {
  const layers = frame.lines.map((line, index) => {
    const { start, end } = frame.layers[index]!;
    const bytes = `${String(start).padStart(3)}–${String(end - 1).padEnd(3)}`;
    const step = index === 0 ? '' : `${'  '.repeat(index - 1)}└ `;
    return `${colours.dim(bytes)} ${step}${colours.nth(index)(line)}`;
  });
  const dump = hexdump(Buffer.from(frame.hex, 'hex'), frame.layers, (text, index) =>
    colours.nth(index)(text),
  );
  return [...layers, ...footnote(frame, colours), '', ...dump];
}

/** What a newcomer would take for a fault. */
const footnote = ({ lines }: CaughtFrame, colours: Paint): string[] =>
  lines.some((line) => line.endsWith(' partial'))
    ? [
        colours.dim(
          '        (partial: left for the network card to finish; between namespaces there is none)',
        ),
      ]
    : [];
