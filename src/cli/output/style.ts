import type { Output } from '../world.ts';

type Paint = (text: string) => string;

/** Meaning, not decoration: what is bad is red, what needs a look yellow, what is well green. */
export interface Style extends Paints {
  /** Of the terminal; what is no terminal takes lines as they are. */
  readonly width: number;
}

interface Paints {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
}

const plain: Paint = (text) => text;
const sgr =
  (on: number, off: number): Paint =>
  (text) =>
    text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`;

const PLAIN: Paints = { bold: plain, dim: plain, red: plain, green: plain, yellow: plain };
const COLOURED: Paints = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  red: sgr(31, 39),
  green: sgr(32, 39),
  yellow: sgr(33, 39),
};

/** Colours only for people: on a terminal, and not when NO_COLOR (no-color.org) or TERM=dumb says otherwise. */
export function styleFor(output: Output, env: Readonly<Record<string, string | undefined>>): Style {
  const paints = output.isTTY && !env.NO_COLOR && env.TERM !== 'dumb' ? COLOURED : PLAIN;
  return { ...paints, width: (output.isTTY && output.columns) || Number.POSITIVE_INFINITY };
}
