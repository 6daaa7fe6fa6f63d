import fs from 'node:fs';
import { isMap, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { type Fault, fault } from '#model/fault.ts';
import { faultError } from '../cli-error.ts';
import type { Source } from './source.ts';

/** Reads a YAML file of settings. Absent is empty, unless the user named it (`given`). Throws with every YAML fault. */
export function fileSource(path: string, given: boolean): Source {
  const text = readText(path, given);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number) => `line ${lines.linePos(offset).line}`;
  if (document.errors.length > 0)
    throw faultError(
      'usage',
      ...document.errors.map(({ message, pos }) =>
        fileFault(path, `${lineAt(pos[0])}: ${message}`, 'correct the YAML'),
      ),
    );
  const faults: Fault[] = [];
  visit(document, {
    Alias: (_, alias, ancestors) => {
      const meant = alias.resolve(document);
      const where = `${lineAt(alias.range![0])}: *${alias.source}`;
      if (!meant)
        faults.push(
          fileFault(path, `${where} is no anchor of this file`, `put it in quotes: "*${alias.source}"`),
        );
      else if (ancestors.includes(meant))
        faults.push(fileFault(path, `${where} is within what it stands for`, 'write the value itself'));
    },
    // As it was typed: to YAML 1.10 is the number 1.1, and 007 is 7.
    Scalar: (_, scalar) => {
      if (['number', 'bigint', 'boolean'].includes(typeof scalar.value)) scalar.value = scalar.source;
    },
  });
  if (faults.length > 0) throw faultError('usage', ...faults);
  const { contents } = document;
  if (contents !== null && !isMap(contents))
    throw faultError(
      'usage',
      fileFault(path, 'is no map of settings', 'write lines such as "log-level: debug"'),
    );
  const places = new Map<string, string>();
  for (const { key } of contents?.items ?? [])
    if (isScalar(key) && key.range) places.set(String(key.value), `${path}, ${lineAt(key.range[0])}`);
  return {
    values: contents ? valuesOf(path, () => contents.toJS(document)) : {},
    nameOf: (key) => key,
    placeOf: (key) => places.get(key) ?? path,
  };
}

/** Aliases of aliases can stand for more than a machine holds: there the library gives up, and says no line. */
function valuesOf(path: string, read: () => unknown): Record<string, unknown> {
  try {
    return read() as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    const problem = 'has aliases (*NAME) that stand for aliases, and all together for too much';
    throw faultError(
      'usage',
      fileFault(path, problem, 'write the values themselves, without &NAME and *NAME'),
    );
  }
}

function readText(path: string, given: boolean): string {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // To a disk that is not mounted, say: under another name, or of another controller, this would be another host. Where
    // its directory leads nowhere, as to a host's from Docker's plugin (tools/build-plugin.sh), there may be none to read.
    const isLost = isLostLink(path);
    if (code === 'ENOENT' && !given && !isLost) return '';
    const absent = isLost ? 'is a link that leads nowhere' : 'does not exist';
    const problem = code === 'ENOENT' ? absent : `cannot be read: ${message}`;
    throw faultError('usage', fileFault(path, problem, 'check the path and its permissions'));
  }
}

const isLostLink = (path: string): boolean =>
  !fs.existsSync(path) && fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined;

const fileFault = (path: string, problem: string, fix: string): Fault => fault('config', path, problem, fix);
