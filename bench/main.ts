import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Interrupted } from '#lab/interrupt.ts';
import { LabError } from '#lab/lab-error.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { renderReport } from './render.ts';

/** Each is loaded when it is asked for. */
const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  attach: async () => (await import('./attach.ts')).attach,
  fdb: async () => (await import('./fdb.ts')).fdb,
  converge: async () => (await import('./converge.ts')).converge,
  sync: async () => (await import('./sync.ts')).sync,
  memory: async () => (await import('./memory.ts')).memory,
  dataplane: async () => (await import('./dataplane.ts')).dataplane,
  idle: async () => (await import('./idle.ts')).idle,
  misses: async () => (await import('./misses.ts')).misses,
  docker: async () => (await import('./docker.ts')).docker,
  names: async () => (await import('./names.ts')).names,
  plan: async () => (await import('./plan.ts')).plan,
};

const USAGE = `npm run -s bench -- NAME … [options]

names: ${Object.keys(BENCHES).join(', ')}, or all

  --json              one object a bench, {name, metrics, floor, ratios}, each on a line of its own
  --endpoints N       how many the bench is about
  --repeat N          how often each thing is measured
  --program FILE      the bundle to measure (default: dist/weft.js)
  --profile DIRECTORY CPU profiles of controller and agents go there
`;

const positive = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new LabError(`"${text}" is not a number above 0`, USAGE);
  return value;
};

function readArguments(): { names: string[]; json: boolean; options: BenchOptions } {
  const { values, positionals } = parse();
  const names = positionals.includes('all') ? Object.keys(BENCHES) : positionals;
  const unknown = names.find((name) => !(name in BENCHES));
  if (names.length === 0 || unknown !== undefined)
    throw new LabError(unknown === undefined ? 'which bench?' : `there is no bench "${unknown}"`, USAGE);
  const { json, program, profile } = values;
  if (!existsSync(program)) throw new LabError(`there is no ${program}`, 'make build, or npm run build');
  const options = {
    endpoints: positive(values.endpoints),
    repeat: positive(values.repeat),
    program,
    profile,
  };
  return { names, json, options };
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        endpoints: { type: 'string' },
        repeat: { type: 'string' },
        program: { type: 'string', default: 'dist/weft.js' },
        profile: { type: 'string' },
      },
    });
  } catch (error) {
    throw new LabError((error as Error).message, USAGE);
  }
}

/** One that fails does not keep the others from being measured. */
async function run(): Promise<void> {
  const { names, json, options } = readArguments();
  for (const name of names) {
    try {
      const bench = await BENCHES[name]!();
      const report = await bench(options);
      console.log(json ? JSON.stringify(report) : `${renderReport(report)}\n`);
    } catch (error) {
      if (error instanceof Interrupted) throw error;
      complain(error, name);
    }
  }
}

function complain(error: unknown, name: string): void {
  const { message, details, next, stack } = error as LabError;
  const expected = error instanceof LabError || error instanceof Interrupted;
  const words = expected ? [details, `error: ${name}: ${message}`, next] : [`${name}: ${stack}`];
  console.error(words.filter(Boolean).join('\n'));
  process.exitCode = 1;
}

try {
  await run();
} catch (error) {
  complain(error, 'bench');
  if (error instanceof Interrupted) process.exitCode = error.exitCode;
}
// What a bench that failed still has running, its floor, ends with its input.
process.exit();
