import { readFileSync } from 'node:fs';
import path from 'node:path';

const DOCS = path.resolve(import.meta.dirname, '../../docs/docker.md');

/** What docs/docker.md says beside a thing that Docker's own drivers have. */
export interface DriverRow {
  readonly thing: string;
  readonly answer: string;
  readonly words: string;
  /** `file`: name of the test. Empty where there is none. */
  readonly proof: string;
}

export function readDriverTable(): DriverRow[] {
  const [, section] = readFileSync(DOCS, 'utf8').split("## Beside Docker's own drivers\n");
  const lines = section!.split('\n## ')[0]!.split('\n');
  return lines
    .filter((line) => line.startsWith('| ') && !line.startsWith('| of Docker') && !line.startsWith('| **'))
    .map((line) => {
      const [thing, answer, words, proof] = line.slice(2, -2).split(' | ');
      return { thing: thing!, answer: answer!, words: words!.trim(), proof: proof?.trim() ?? '' };
    });
}

/** Options of `docker network create -o` that are answered so. */
export const optionsAnswered = (answer: string): string[] =>
  readDriverTable()
    .filter((row) => row.answer === answer)
    .flatMap(({ thing }) => /^`(com\.docker\.[\w.]+|encrypted)`$/.exec(thing)?.[1] ?? []);
