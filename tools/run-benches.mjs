// Bundles and runs every program in bench/, or those whose names are given: node tools/run-benches.mjs plan
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const wanted = process.argv.slice(2);
const names = readdirSync('bench')
  .filter((file) => file.endsWith('.ts'))
  .map((file) => path.basename(file, '.ts'))
  .filter((name) => wanted.length === 0 || wanted.includes(name));

for (const name of names) {
  // Beside node_modules, so that native packages are found.
  const outfile = `.cache/bench/${name}.mjs`;
  await build({
    entryPoints: [`bench/${name}.ts`],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
    logLevel: 'warning',
  });
  console.log(`\n── ${name} ${'─'.repeat(Math.max(0, 96 - name.length))}`);
  const { status } = spawnSync(process.execPath, ['--expose-gc', outfile], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
