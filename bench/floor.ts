import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import readline from 'node:readline';
import { LabError } from '#lab/lab-error.ts';
import { run, spawnIn } from '#lab/run.ts';

const SOURCES = 'bench/floor';
const PROGRAMS = '.cache/bench';

/** Compiles `floor/NAME.c`, if that has not been done, and gives the program's path. */
export async function compileFloor(name: string): Promise<string> {
  const source = `${SOURCES}/${name}.c`;
  const program = `${PROGRAMS}/${name}`;
  const newest = Math.max(...[source, `${SOURCES}/netlink.h`].map((file) => fs.statSync(file).mtimeMs));
  if (fs.existsSync(program) && fs.statSync(program).mtimeMs >= newest) return program;
  const { code, stderr } = await run('gcc', ['-O2', '-Wall', '-o', program, source]).catch((error) => {
    throw new LabError(
      `the floor is C, and gcc is not here (${(error as Error).message})`,
      'make bench installs it, or apt-get install gcc libc6-dev',
    );
  });
  if (code !== 0)
    throw new LabError(`${source} does not compile`, 'install libc6-dev and linux-libc-dev', stderr);
  return program;
}

/** A C program that answers a line of numbers to each line that it is given. It ends with its input. */
export class Floor {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor(program: string, args: readonly (string | number)[], namespace?: string) {
    this.child = spawnIn(namespace, program, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = readline.createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  async ask(line: string): Promise<number[]> {
    this.child.stdin!.write(`${line}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new LabError('the floor program ended', 'its words are above');
    return String(value).trim().split(' ').map(Number);
  }

  async close(): Promise<void> {
    const gone = once(this.child, 'exit');
    this.child.stdin!.end();
    if (this.child.exitCode === null) await gone;
  }
}
