// Bundles the program into dist/: commands split from what they load, native packages left outside. Runs on Node 20, 22 and 24.
import { renameSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

// Swapped in whole: a running lab starts commands from dist at any moment.
const outdir = `dist.${process.pid}`;
await build({
  // The resolver has one of its own, to start in no time; so has the agent in Docker's managed plugin.
  entryPoints: { weft: 'src/cli/main.ts', resolver: 'src/resolver/main.ts', plugin: 'src/docker/main.ts' },
  outdir,
  bundle: true,
  // Commands are loaded on demand: `weft network ls` must not pay for the controller.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: ['koffi'],
  sourcemap: true,
  logLevel: 'warning',
  // CommonJS dependencies inside an ES module bundle still call require().
  banner: {
    js: "import{createRequire as weftCreateRequire}from'node:module';const require=weftCreateRequire(import.meta.url);",
  },
});
rmSync('dist', { recursive: true, force: true });
try {
  renameSync(outdir, 'dist');
} catch (error) {
  if (error.code !== 'ENOTEMPTY') throw error;
  // Another build swapped its own in at that very moment: two test files that found dist stale.
  rmSync(outdir, { recursive: true });
}
