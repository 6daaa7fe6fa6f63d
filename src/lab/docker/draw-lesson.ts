import { wrapText } from '../demo/wrap-text.ts';
import type { Paint } from '../paint.ts';
import type { Entry, Lesson } from './notebook.ts';

/** Of the text; with its indent the whole fits 100 columns. */
const WIDTH = 92;
/** Of a command's output: what is more is left out in the middle. */
const LINES = 14;

/** A lesson for people: what is typed where, what it says, what to look at, and what is claimed. */
export function drawLesson({ title, question, entries }: Lesson, colours: Paint): string {
  const head = [
    ` ${colours.bold(title)}`,
    ...wrapText(question, WIDTH).map((line) => `   ${colours.dim(line)}`),
  ];
  return `\n${[...head, '', ...entries.flatMap((entry) => draw(entry, colours))].join('\n')}\n`;
}

function draw(entry: Entry, colours: Paint): string[] {
  switch (entry.entry) {
    case 'typed': {
      const output = shorten(entry.output).map((line) => `      ${entry.failed ? line : colours.dim(line)}`);
      return [`   ${colours.nth(hostNumber(entry.host))(entry.host)} $ ${entry.command}`, ...output];
    }
    case 'look':
      return [...wrapText(entry.text, WIDTH).map((line, i) => `   ${i === 0 ? '↑' : ' '} ${line}`), ''];
    case 'claim': {
      const mark = entry.holds ? colours.good('✓') : colours.bad('✗');
      return [`   ${mark} ${entry.holds ? entry.text : colours.bad(entry.text)}`, ''];
    }
  }
}

const hostNumber = (host: string): number => Number(host.replace(/\D/g, '')) || 0;

function shorten(output: string): string[] {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  if (lines.length <= LINES) return lines;
  const half = LINES / 2;
  return [...lines.slice(0, half), `… ${lines.length - LINES} more …`, ...lines.slice(-half)];
}
