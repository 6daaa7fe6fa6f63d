// Bundles the bench as the program itself is bundled, and runs it in this process: `npm run -s bench -- NAME`.
import { chdir } from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

chdir(fileURLToPath(new URL('..', import.meta.url)));
await build({
  entryPoints: { main: 'bench/main.ts' },
  outdir: '.cache/bench',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: ['koffi', 'lmdb'],
  sourcemap: true,
  logLevel: 'warning',
  // CommonJS dependencies inside an ES module bundle still call require().
  banner: {
    js: "import{createRequire as weftCreateRequire}from'node:module';const require=weftCreateRequire(import.meta.url);",
  },
});
await import('../.cache/bench/main.mjs');
