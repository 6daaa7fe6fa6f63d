import fs from 'node:fs';
import path from 'node:path';
import type { LabHost, LabLayout } from './layout.ts';
import { runOrThrow } from './run.ts';

/** How this very `weft` was started: what the lab runs is what the user runs. */
const PROGRAM: readonly string[] = [process.execPath, ...process.execArgv, path.resolve(process.argv[1]!)];

/** Program and arguments of a `weft` command. */
export const weftCommand = (...args: readonly string[]): [file: string, args: string[]] => [
  PROGRAM[0]!,
  [...PROGRAM.slice(1), ...args],
];

/** What a user types here for `weft lab …`: by the installed command, or by the bundle as seen from where they are. */
export function typedLab(name: string, verb: string, rest = ''): string {
  const script = process.argv[1]!;
  const program = path.basename(script) === 'weft' ? 'weft' : `node ${path.relative(process.cwd(), script)}`;
  return [program, 'lab', verb, ...(name === 'lab' ? [] : ['--name', name]), rest].filter(Boolean).join(' ');
}

const binDirectory = (lab: LabLayout): string => path.join(lab.directory, 'bin');

/** A `weft` for the lab's PATH, so that what is typed inside it is this same program. */
export function writeWeftScript(lab: LabLayout): void {
  fs.mkdirSync(binDirectory(lab), { recursive: true });
  const quoted = PROGRAM.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  fs.writeFileSync(path.join(binDirectory(lab), 'weft'), `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 });
}

/** The environment of a host of the lab: `weft` finds its agent, and nothing of the user's own Weft leaks in. */
export function hostEnvironment(lab: LabLayout, root: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('WEFT_'));
  return {
    ...Object.fromEntries(own),
    WEFT_ROOT: root,
    WEFT_LAB: lab.name,
    PATH: `${binDirectory(lab)}:${process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin'}`,
  };
}

/** Runs a `weft` command on a host of the lab, as its user would, and gives what it prints. Throws LabError. */
export function weftOn(
  lab: LabLayout,
  host: LabHost,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const [file, words] = weftCommand(...args);
  return runOrThrow(file, words, {
    namespace: host.namespace,
    env: hostEnvironment(lab, host.root),
    signal,
  });
}
