import { describe, expect, test } from 'vitest';
import { seededDice } from '#model/test-random.ts';
import { formatHeader, formatLine, HEADER_BYTES, parseJournal } from './journal-line.ts';

const parse = (bytes: Buffer) => parseJournal(bytes, '/var/lib/weft/agent/journal');
const attempt = <T>(act: () => T): T | Error => {
  try {
    return act();
  } catch (error) {
    return error as Error;
  }
};
const error = (code: string) =>
  expect.objectContaining({ name: 'StoreError', code, message: expect.stringContaining('/agent/journal') });

const ENTRIES = [
  [{ key: 'a', value: 1 }],
  [
    { key: 'b', value: { name: 'ä\n"\u2028🦊' } },
    { key: 'c', deleted: true },
  ],
  [{ key: '', value: [] }],
];
const LINES = ENTRIES.map((entries) => formatLine(entries.map((entry) => JSON.stringify(entry))));
/** Where the header ends, and each line. */
const ENDS = [HEADER_BYTES];
for (const line of LINES) ENDS.push(ENDS.at(-1)! + line.length);
const journal = (acknowledged: number): Buffer => Buffer.concat([formatHeader(acknowledged), ...LINES]);
const WHOLE = journal(ENDS.at(-1)!);

describe('the lines of a journal', () => {
  test('look like this', () => {
    expect(journal(32).toString().split('\n').slice(0, 2)).toEqual([
      'weft-journal 1 0000000000000032',
      expect.stringMatching(/^[0-9a-f]{8} \[\{"key":"a","value":1\}\]$/),
    ]);
    expect(formatHeader(Number.MAX_SAFE_INTEGER)).toHaveLength(HEADER_BYTES);
  });

  test('are read back', () => {
    expect(parse(WHOLE)).toEqual({ entries: ENTRIES.flat(), end: WHOLE.length });
    expect(parse(formatHeader(HEADER_BYTES))).toEqual({ entries: [], end: HEADER_BYTES });
  });

  test('cut anywhere, are corrupt where they were acknowledged and unfinished where not', () => {
    for (const [known, acknowledged] of ENDS.entries()) {
      const bytes = journal(acknowledged);
      for (let length = 0; length <= bytes.length; length++) {
        const cut = () => parse(bytes.subarray(0, length));
        const whole = ENDS.findLastIndex((end) => end <= length);
        if (whole < known) expect(cut, `cut at ${length}`).toThrow(error('corrupt'));
        else expect(cut()).toEqual({ entries: ENTRIES.slice(0, whole).flat(), end: ENDS[whole] });
      }
    }
  });

  test('with any bit turned over are corrupt, and never something else', () => {
    const { below } = seededDice(7);
    for (let at = 0; at < WHOLE.length; at++) {
      const damaged = Buffer.from(WHOLE);
      damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << below(8)), at);
      const result = attempt(() => parse(damaged));
      // A digit of the header may become another: a smaller place, which takes nothing away, or a version to come.
      if (at > 14 && at < HEADER_BYTES && !(result instanceof Error)) expect(result).toEqual(parse(WHOLE));
      else expect(result, `at ${at}`).toEqual(error(at === 13 ? expect.stringMatching(/./) : 'corrupt'));
    }
  });

  test.each([
    ['of another kind', 'name: a\nother: b\n', 'corrupt'],
    ['of zeros', '\0'.repeat(100), 'corrupt'],
    ['of nothing', '', 'corrupt'],
    ['of a newer version', 'weft-journal 2\n', 'newer-schema'],
    ['of a much newer version', 'weft-journal 12 with another header\nand lines\n', 'newer-schema'],
    ['without a version', 'weft-journal x 0000000000000032\n', 'corrupt'],
    ['without a place', 'weft-journal 1 000000000000000x\n', 'corrupt'],
    ['with an impossible place', 'weft-journal 1 0000000000000031\n', 'corrupt'],
  ])('%s are refused', (_, text, code) => {
    expect(() => parse(Buffer.from(text))).toThrow(error(code));
  });
});
