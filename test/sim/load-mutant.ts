import fs from 'node:fs';
import path from 'node:path';
import { build, type Plugin } from 'esbuild';
import type { Cores } from './cores.ts';
import type { Mutant } from './mutants.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** The cores with that one fault, as a module of their own; throws unless the text is found exactly once. */
export async function loadMutant({ name, file, find, become }: Mutant): Promise<Cores> {
  const target = path.join(ROOT, 'src', file);
  const text = fs.readFileSync(target, 'utf8');
  const places = text.split(find).length - 1;
  if (places !== 1) throw new Error(`mutant "${name}": its text is in ${file} ${places} times, not once`);
  let isUsed = false;
  const mutate: Plugin = {
    name: 'mutate',
    setup(builder) {
      builder.onLoad({ filter: /\.ts$/ }, (args) => {
        if (args.path !== target) return undefined;
        isUsed = true;
        return { contents: text.replace(find, () => become), loader: 'ts' };
      });
    },
  };
  const { outputFiles } = await build({
    entryPoints: [path.join(ROOT, 'test/sim/cores.ts')],
    absWorkingDir: ROOT,
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
    logLevel: 'silent',
    plugins: [mutate],
  });
  if (!isUsed) throw new Error(`mutant "${name}": no core uses ${file}`);
  const code = Buffer.from(outputFiles[0]!.text).toString('base64');
  const { cores } = await import(/* @vite-ignore */ `data:text/javascript;base64,${code}`);
  return cores as Cores;
}
