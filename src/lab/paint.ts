type Colour = (text: string) => string;

export interface Paint {
  readonly bold: Colour;
  readonly dim: Colour;
  readonly good: Colour;
  readonly bad: Colour;
  /** One of several colours that are told apart: of networks, of a frame's layers. */
  readonly nth: (index: number) => Colour;
}

const sgr =
  (on: number, off: number): Colour =>
  (text) =>
    text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`;
const plain: Colour = (text) => text;

/** Readable on dark and on light grounds: blue, green, red, yellow, magenta, cyan and two bright ones. */
const SERIES = [34, 32, 31, 33, 35, 36, 95, 92];

const COLOURED: Paint = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  good: sgr(32, 39),
  bad: sgr(31, 39),
  nth: (index) => sgr(SERIES[index % SERIES.length]!, 39),
};
const PLAIN: Paint = { bold: plain, dim: plain, good: plain, bad: plain, nth: () => plain };

/** Colours for people only: on a terminal, unless NO_COLOR (no-color.org) or TERM=dumb says otherwise. */
export const paint = (stream: { readonly isTTY?: boolean }): Paint =>
  stream.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb' ? COLOURED : PLAIN;

/** Characters that a terminal shows of a text. */
export const visibleLength = (text: string): number => text.replace(/\u001b\[[0-9;]*m/g, '').length;
/** Fills up with spaces to a visible width. */
export const padVisible = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - visibleLength(text)));
