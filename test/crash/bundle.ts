import { rmSync } from 'node:fs';
import path from 'node:path';
import { build, type Plugin } from 'esbuild';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Modules of the shipped program, and what stands around them in a process that is to die. */
const AROUND: Readonly<Record<string, string>> = {
  'src/agent/core.ts': 'test/crash/parts/agent-core.ts',
  'src/controller/core.ts': 'test/crash/parts/controller-core.ts',
  'src/netlink/libc.ts': 'test/crash/parts/libc.ts',
  'src/kernel/real-kernel.ts': 'test/crash/parts/real-kernel.ts',
};

/**
 * The `weft` that ships, from its own entry point, but with points to die at (see point.ts). Below the project, where
 * its packages are found; gives the program, and the way to remove it.
 */
export async function bundleToCrash(): Promise<{ program: string; remove: () => void }> {
  const outdir = path.join(ROOT, `.cache/crash-${process.pid}`);
  await build({
    entryPoints: {
      weft: path.join(ROOT, 'src/cli/main.ts'),
      resolver: path.join(ROOT, 'src/resolver/main.ts'),
    },
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['koffi'],
    outExtension: { '.js': '.mjs' },
    logLevel: 'warning',
    // As in tools/build.mjs.
    banner: {
      js: "import{createRequire as weftCreateRequire}from'node:module';const require=weftCreateRequire(import.meta.url);",
    },
    plugins: [standAround],
  });
  return { program: path.join(outdir, 'weft.mjs'), remove: () => rmSync(outdir, { recursive: true }) };
}

const around = new Map(
  Object.entries(AROUND).map(([inside, outside]) => [path.join(ROOT, inside), path.join(ROOT, outside)]),
);

/** Whoever imports one of these gets what stands around it; that alone gets the module itself. */
const standAround: Plugin = {
  name: 'stand-around',
  setup: ({ onResolve, resolve }) => {
    onResolve({ filter: /\.ts$/ }, async ({ path: wanted, pluginData, ...from }) => {
      if (pluginData === standAround) return undefined;
      const found = await resolve(wanted, { ...from, pluginData: standAround });
      const outside = around.get(found.path);
      return outside && outside !== from.importer ? { path: outside } : found;
    });
  },
};
